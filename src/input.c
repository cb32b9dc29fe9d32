/*-------------------------------------------------------------------------
 *
 * input.c
 *	  A query's rows: hashed, or numbered, hashed and kept.
 *
 * The rows stream through a receiver.  One pass gives the table and the
 * content hash.
 *
 * IDENTIFICATION
 *	  src/input.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "bulkinsert.h"
#include "catalog/pg_type.h"
#include "freed_memory.h"
#include "input.h"
#include "input_parallel.h"
#include "progress.h"
#include "query.h"
#include "query_columns.h"
#include "utils/memutils.h"

/* Rows are written when there are this many rows or bytes. */
#define FLUSH_ROWS		1000
#define FLUSH_BYTES		(512 * 1024)

/* So much of a row is fetched before it is hashed and kept, bytes. */
#define FETCH_BYTES		(256 * 1024)

typedef struct InputReceiver
{
	DestReceiver pub;
	TupleDesc	desc;			/* the query's columns that count */
	CkptRowHasher *hasher;		/* of them, or of rel's */
	CkptRowSum	sum;
	int		   *cols;			/* their indexes in the query's result */
	bool		last;			/* they are the last of them ... */
	int			left_out;		/* ... behind so many bigints */

	/* if the rows are kept */
	Relation	rel;
	CkptBulkInsert *buffer;
	Datum	   *values;			/* sys__id, and desc's columns */
	bool	   *isnull;
	MemoryContext row_cxt;		/* values of the row that were fetched */
} InputReceiver;

/*
 * fetch_stored fetches the values of a row that are stored out of line, as they are, to
 * be hashed and kept: what is in memory need not be read for each of the two.  Those that
 * would take much memory are left to either.
 */
static void
fetch_stored(InputReceiver *receiver)
{
	TupleDesc	desc = receiver->desc;
	MemoryContext oldcxt = MemoryContextSwitchTo(receiver->row_cxt);
	Size		bytes = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		struct varlena *v = (struct varlena *) DatumGetPointer(receiver->values[i + 1]);

		if (receiver->isnull[i + 1] || att->attlen != -1 ||
			att->attstorage == TYPSTORAGE_PLAIN || !VARATT_IS_EXTERNAL_ONDISK(v))
			continue;
		bytes += toast_datum_size(PointerGetDatum(v));
		if (bytes > FETCH_BYTES)
			break;
		receiver->values[i + 1] = PointerGetDatum(detoast_external_attr(v));
	}
	MemoryContextSwitchTo(oldcxt);
}

static void
input_flush(InputReceiver *receiver)
{
	/*
	 * The table is new in this subtransaction: nobody sees it before it is
	 * committed, so its rows can be born frozen and need no visit later.
	 */
	ckpt_bulkinsert_flush(receiver->buffer, receiver->rel,
						 TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN, 0);
}

static inline void
input_flush_full(InputReceiver *receiver)
{
	if (receiver->buffer->ntuples >= FLUSH_ROWS || receiver->buffer->bytes >= FLUSH_BYTES)
		input_flush(receiver);
}

/*
 * input_receive takes a row.  Where the query returns a table's rows as they are,
 * they are not taken apart.
 */
static bool
input_receive(TupleTableSlot *slot, DestReceiver *self)
{
	InputReceiver *receiver = (InputReceiver *) self;

	if (receiver->rel && receiver->last)
	{
		HeapTuple	tuple = ckpt_bulkinsert_add_numbered(receiver->buffer, receiver->sum.rows + 1,
														 slot, receiver->left_out);

		if (tuple)
		{
			ckpt_rowhash_add_tuple(receiver->hasher, &receiver->sum, tuple);
			input_flush_full(receiver);
			return true;
		}
	}
	slot_getallattrs(slot);
	for (int i = 0; i < receiver->desc->natts; i++)
	{
		receiver->values[i + 1] = slot->tts_values[receiver->cols[i]];
		receiver->isnull[i + 1] = slot->tts_isnull[receiver->cols[i]];
	}
	if (receiver->rel == NULL)
		ckpt_rowhash_add(receiver->hasher, &receiver->sum,
						 receiver->values + 1, receiver->isnull + 1);
	else
	{
		receiver->values[0] = Int64GetDatum(receiver->sum.rows + 1);
		fetch_stored(receiver);
		ckpt_rowhash_add_formed(receiver->hasher, &receiver->sum,
								ckpt_bulkinsert_add(receiver->buffer, receiver->values,
													receiver->isnull),
								receiver->values, receiver->isnull);
		MemoryContextReset(receiver->row_cxt);
		input_flush_full(receiver);
	}
	ckpt_progress_rows(receiver->sum.rows);
	return true;
}

static void
input_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
	InputReceiver *receiver = (InputReceiver *) self;
	int			n = 0;

	receiver->last = true;
	for (int i = 0; i < typeinfo->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(typeinfo, i);

		if (!ckpt_is_system_column(NameStr(att->attname)))
			receiver->cols[n++] = i;
		else
			receiver->last &= n == 0 && att->atttypid == INT8OID;
	}
	receiver->left_out = typeinfo->natts - n;
	if (n != receiver->desc->natts)
		elog(ERROR, "query returns %d columns, expected %d", n, receiver->desc->natts);
}

static void
input_shutdown(DestReceiver *self)
{
}

/*
 * input_finish completes what is known of a query's rows, which have been read.
 */
static void
input_finish(Query *query, const CkptRowSum *sum, CkptInput *input)
{
	TupleDesc	desc = ckpt_query_result_desc(query);

	input->sum = *sum;
	input->hash = ckpt_rowhash_finish(ckpt_rowhash_columns(ckpt_rowhash_create(desc)), sum);
}

static void
input_run(Query *query, const char *sql, Relation rel, CkptInput *input)
{
	InputReceiver *receiver = palloc0(sizeof(InputReceiver));
	TupleDesc	desc = ckpt_query_result_desc(query);

	ckpt_freed_memory_keep();
	receiver->pub.receiveSlot = input_receive;
	receiver->pub.rStartup = input_startup;
	receiver->pub.rShutdown = input_shutdown;
	receiver->pub.rDestroy = input_shutdown;
	receiver->pub.mydest = DestNone;
	receiver->desc = desc;
	receiver->hasher = ckpt_rowhash_create(rel ? RelationGetDescr(rel) : desc);
	receiver->cols = palloc(desc->natts * sizeof(int));
	receiver->values = palloc((desc->natts + 1) * sizeof(Datum));
	receiver->isnull = palloc0((desc->natts + 1) * sizeof(bool));
	receiver->rel = rel;
	if (rel)
	{
		receiver->buffer = ckpt_bulkinsert_create(RelationGetDescr(rel));
		receiver->row_cxt = AllocSetContextCreate(CurrentMemoryContext, "checkpoint input row",
												  ALLOCSET_DEFAULT_SIZES);
		input->long_hashes = ckpt_long_hashes_create();
		ckpt_rowhash_note(receiver->hasher, input->long_hashes);
	}

	(void) ckpt_query_run_input(query, sql, &receiver->pub);
	if (rel)
	{
		input_flush(receiver);
		if (!ckpt_long_hashes_end(input->long_hashes))
			input->long_hashes = NULL;
	}
	input_finish(query, &receiver->sum, input);
}

/*
 * ckpt_input_hash runs a query and hashes its rows.  Needs an active snapshot;
 * what it returns is in CurrentMemoryContext.
 */
void
ckpt_input_hash(Query *query, const char *sql, CkptInput *input)
{
	input->long_hashes = NULL;
	input_run(query, sql, NULL, input);
}

/*
 * ckpt_input_materialize runs a query, numbers its rows from 1 and writes them
 * to a table that was made in this (sub)transaction and has the columns
 * sys__id and the query's.  Also hashes them.  Up to nprocesses do that, if more than
 * one may.
 */
void
ckpt_input_materialize(Query *query, const char *sql, Oid relid, int nprocesses,
					   CkptInput *input)
{
	Relation	rel = table_open(relid, RowExclusiveLock);
	CkptRowSum	sum;

	input->long_hashes = NULL;
	if (ckpt_input_parallel(query, sql, rel, nprocesses, &sum))
		input_finish(query, &sum, input);
	else
		input_run(query, sql, rel, input);
	table_close(rel, NoLock);
}
