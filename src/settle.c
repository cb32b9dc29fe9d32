/*-------------------------------------------------------------------------
 *
 * settle.c
 *	  Makes of what clients have written an output like those of the server.
 *
 * Clients write sys__id, or sys__input_id, and columns of their own.  Here one pass
 * over the table checks the ids, gives the rows of map the input's columns by a
 * join, numbers the rows of gen, and adds up their hashes.  The rows go to a new
 * file, which takes the place of the old one: no row is updated.
 *
 * IDENTIFICATION
 *	  src/settle.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/multixact.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "asuser.h"
#include "bulkinsert.h"
#include "commands/cluster.h"
#include "hidden.h"
#include "lib/stringinfo.h"
#include "query.h"
#include "settle.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

/* Rows are written when there are this many rows or bytes. */
#define FLUSH_ROWS		1000
#define FLUSH_BYTES		(1024 * 1024)

/* So many wrong ids are named. */
#define MAX_NAMED		10

typedef struct WrongIds
{
	int64		n;
	int64		first[MAX_NAMED];	/* the smallest ones, in order */
	bool		null;			/* NULL is among them, and is not counted */
} WrongIds;

typedef struct Settling
{
	DestReceiver pub;
	const CkptCheckpoint *cp;
	const CkptIdSet *processed;
	CkptIdSet  *seen;			/* of map: ids that have a row */
	WrongIds	unprocessed;	/* ids of rows that are not for a processed row */
	WrongIds	twice;
	WrongIds	missing;
	Relation	rel;			/* the new file */
	CkptBulkInsert *buffer;
	CkptRowHasher *hasher;
	CkptRowSum	sum;
} Settling;

/*
 * wrong_add notes a wrong id, if it is one of the smallest.
 */
static void
wrong_add(WrongIds *wrong, int64 id)
{
	int			n = (int) Min(wrong->n, MAX_NAMED);
	int			at = n;

	while (at > 0 && wrong->first[at - 1] > id)
		at--;
	wrong->n++;
	if (at > 0 && wrong->first[at - 1] == id)
	{
		wrong->n--;
		return;
	}
	if (at == MAX_NAMED)
		return;
	if (n == MAX_NAMED)
		n--;
	memmove(wrong->first + at + 1, wrong->first + at, (n - at) * sizeof(int64));
	wrong->first[at] = id;
}

static void
wrong_describe(const WrongIds *wrong, const char *what, StringInfo buf)
{
	int64		named = wrong->null ? MAX_NAMED - 1 : MAX_NAMED;

	if (wrong->n == 0 && !wrong->null)
		return;
	appendStringInfo(buf, "%s%s", buf->len > 0 ? " " : "", what);
	if (wrong->null)
		appendStringInfoString(buf, wrong->n > 0 ? " null," : " null");
	for (int i = 0; i < Min(wrong->n, named); i++)
		appendStringInfo(buf, "%s " INT64_FORMAT, i > 0 ? "," : "", wrong->first[i]);
	appendStringInfoString(buf, wrong->n > named ? ", ..." : ".");
}

/*
 * settle_check notes what is wrong with the id of a row.
 */
static void
settle_check(Settling *s, Datum value, bool isnull)
{
	int64		id = isnull ? 0 : DatumGetInt64(value);

	if (isnull)
		s->unprocessed.null = true;
	else if (!ckpt_idset_contains(s->processed, id))
		wrong_add(&s->unprocessed, id);
	else if (s->seen && !ckpt_idset_add(s->seen, id))
		wrong_add(&s->twice, id);
}

static void
settle_flush(Settling *s)
{
	ckpt_bulkinsert_flush(s->buffer, s->rel, TABLE_INSERT_SKIP_FSM, 0);
}

static bool
settle_receive(TupleTableSlot *slot, DestReceiver *self)
{
	Settling   *s = (Settling *) self;
	int			id_col = s->cp->kind == CKPT_GEN ? 1 : 0;

	slot_getallattrs(slot);
	settle_check(s, slot->tts_values[id_col], slot->tts_isnull[id_col]);
	if (s->cp->kind == CKPT_GEN)
	{
		slot->tts_values[0] = Int64GetDatum(s->sum.rows + 1);
		slot->tts_isnull[0] = false;
	}
	ckpt_rowhash_add_tuple(s->hasher, &s->sum,
						   ckpt_bulkinsert_add(s->buffer, slot->tts_values, slot->tts_isnull));
	if (s->buffer->ntuples >= FLUSH_ROWS || s->buffer->bytes >= FLUSH_BYTES)
		settle_flush(s);
	return true;
}

static void
settle_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
settle_nothing(DestReceiver *self)
{
}

/*
 * settle_query returns the query that gives the output's rows with all their columns,
 * of which the first nplain of map are the input's.
 */
static char *
settle_query(const CkptCheckpoint *cp, TupleDesc desc, int nplain)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < desc->natts; i++)
		appendStringInfo(&sql, "%s %s.%s", i == 0 ? "SELECT" : ",",
						 cp->kind == CKPT_MAP && i > 0 && i < nplain ? "i" : "o",
						 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
	appendStringInfo(&sql, " FROM ONLY %s.%s AS o", CKPT_DATA_SCHEMA,
					 quote_identifier(cp->output_table));
	if (cp->kind == CKPT_MAP)
		appendStringInfo(&sql, " LEFT JOIN ONLY %s.%s AS i ON i.%s OPERATOR(pg_catalog.=) o.%s",
						 CKPT_DATA_SCHEMA, quote_identifier(cp->input_table),
						 CKPT_ID_COLUMN, CKPT_ID_COLUMN);
	return sql.data;
}

/*
 * settle_refuse raises if ids are wrong.
 */
static void
settle_refuse(const Settling *s)
{
	StringInfoData detail;

	initStringInfo(&detail);
	wrong_describe(&s->missing, "Processed, but without a row in the output:", &detail);
	wrong_describe(&s->twice, "With more than one row in the output:", &detail);
	wrong_describe(&s->unprocessed, "With rows in the output, but not processed:", &detail);
	if (detail.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("output of checkpoint %lld does not agree with what is processed",
						(long long) s->cp->id),
				 errdetail("%s", detail.data),
				 errhint("Until the step is finished, its owner may repair table \"%s.%s\" by INSERT, UPDATE and DELETE.",
						 CKPT_DATA_SCHEMA, s->cp->output_table)));
}

/*
 * settle_run writes the rows to the new file.
 */
static void
settle_run(Settling *s, TupleDesc desc, int nplain)
{
	char	   *sql = settle_query(s->cp, desc, nplain);
	CkptUser	saved = ckpt_user_become(s->cp->owner);

	(void) ckpt_query_run(ckpt_query_analyze(sql, "output", NIL), sql, &s->pub);
	ckpt_user_restore(saved);
	settle_flush(s);
	for (int64 id = 1; s->seen && (id = ckpt_idset_next_member(s->processed, id)) <= s->processed->max_id; id++)
	{
		if (!ckpt_idset_contains(s->seen, id))
			wrong_add(&s->missing, id);
	}
	settle_refuse(s);
}

/*
 * ckpt_settle checks and completes the output of a checkpoint that clients have
 * worked on, and returns the sum of its rows in *sum.  Raises 23514 if its ids are
 * not those of the processed rows.  output is closed, and stays locked.
 */
void
ckpt_settle(const CkptCheckpoint *cp, Relation output, int nplain,
			const CkptIdSet *processed, CkptRowSum *sum)
{
	Settling	s = {.cp = cp,.processed = processed};
	Oid			relid = RelationGetRelid(output);
	char		persistence = output->rd_rel->relpersistence;
	TupleDesc	desc = CreateTupleDescCopy(RelationGetDescr(output));
	Oid			new_relid = make_new_heap(relid, output->rd_rel->reltablespace,
										  output->rd_rel->relam, persistence, AccessExclusiveLock);
	CkptUser	saved;

	table_close(output, NoLock);
	s.pub.receiveSlot = settle_receive;
	s.pub.rStartup = settle_startup;
	s.pub.rShutdown = settle_nothing;
	s.pub.rDestroy = settle_nothing;
	s.pub.mydest = DestNone;
	if (cp->kind == CKPT_MAP)
		s.seen = ckpt_idset_create(cp->rows_total);
	s.rel = table_open(new_relid, AccessExclusiveLock);
	s.buffer = ckpt_bulkinsert_create(desc);
	s.hasher = ckpt_rowhash_create(desc);

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	settle_run(&s, desc, nplain);
	PopActiveSnapshot();
	table_close(s.rel, NoLock);

	saved = ckpt_user_become(cp->owner);
	finish_heap_swap(relid, new_relid, false, false, false, true,
					 RecentXmin, ReadNextMultiXactId(), persistence);
	ckpt_user_restore(saved);
	ckpt_hidden_ensure(relid);
	*sum = s.sum;
}
