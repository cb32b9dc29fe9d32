/*-------------------------------------------------------------------------
 *
 * match_source.c
 *	  Rows to be matched: those of a table, or hashes kept of a query's rows.
 *
 * IDENTIFICATION
 *	  src/match_source.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/table.h"
#include "access/tableam.h"
#include "match_source.h"
#include "result_table.h"
#include "storage/buffile.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

/* Rows that are looked at to see whether a table is in order. */
#define SAMPLE_ROWS		100

/* Hashes of rows that were kept, likewise. */
typedef struct KeySource
{
	CkptMatchSource pub;
	BufFile    *file;
	int64		id;
	const CkptIdSet *in;
	const CkptIdSet *not_in;
} KeySource;

struct CkptKeptKeysState
{
	CkptKeyHasher  *key;
	int		   *cols;			/* key columns' indexes in the query's result */
	BufFile    *file;
};

/*
 * Keys
 */

/*
 * ckpt_key_hasher_create makes a hasher of the columns of its input that a UDF
 * reads.
 */
CkptKeyHasher *
ckpt_key_hasher_create(CkptUdf *udf)
{
	CkptKeyHasher  *key = palloc(sizeof(CkptKeyHasher));
	int			attno = 1;		/* sys__id is no value of the row */
	int			natts = bms_num_members(udf->reads) - bms_is_member(attno, udf->reads);

	key->desc = CreateTemplateTupleDesc(natts);
	for (int i = 1; i <= natts; i++)
	{
		attno = bms_next_member(udf->reads, attno);
		TupleDescCopyEntry(key->desc, i, udf->input_desc, attno);
	}
	key->hasher = ckpt_rowhash_create(key->desc);
	key->values = palloc(natts * sizeof(Datum));
	key->isnull = palloc(natts * sizeof(bool));
	return key;
}

/*
 * key_hash hashes the row in key->values.
 */
static inline void
key_hash(CkptKeyHasher *key, CkptMatchRow *row)
{
	CkptRowSum	sum = {0, 0, 0};

	ckpt_rowhash_add(key->hasher, &sum, key->values, key->isnull);
	row->lo = sum.lo;
	row->hi = sum.hi;
}

/*
 * Rows of a table
 */

static bool
table_source_next(CkptMatchSource *pub)
{
	CkptTableSource *source = (CkptTableSource *) pub;
	TupleTableSlot *slot = source->slot;
	CkptKeyHasher  *key = source->key;

	do
	{
		if (!table_scan_getnextslot(source->scan, ForwardScanDirection, slot))
			return false;
		slot_getsomeattrs(slot, source->need);
		pub->row.id = DatumGetInt64(slot->tts_values[source->id_attno - 1]);
	} while ((source->in && !ckpt_idset_contains(source->in, pub->row.id)) ||
			 (source->not_in && ckpt_idset_contains(source->not_in, pub->row.id)));

	for (int i = 0; i < key->desc->natts; i++)
	{
		key->values[i] = slot->tts_values[source->key_attnos[i] - 1];
		key->isnull[i] = slot->tts_isnull[source->key_attnos[i] - 1];
	}
	key_hash(key, &pub->row);
	pub->row.tid = slot->tts_tid;
	return true;
}

/*
 * ckpt_table_source_open begins to read a table; whole says that most rows will be
 * asked for with all their columns.
 */
CkptTableSource *
ckpt_table_source_open(const char *table, CkptKeyHasher *key, bool whole, const CkptIdSet *in,
				  const CkptIdSet *not_in)
{
	CkptTableSource *source = palloc0(sizeof(CkptTableSource));
	Oid			relid = ckpt_result_table_rows(table);

	source->pub.next = table_source_next;
	source->key = key;
	source->in = in;
	source->not_in = not_in;
	source->rel = table_open(relid, AccessShareLock);
	source->id_attno = get_attnum(relid, CKPT_ID_COLUMN);
	source->need = whole ? RelationGetNumberOfAttributes(source->rel) : source->id_attno;
	source->key_attnos = palloc(key->desc->natts * sizeof(AttrNumber));
	for (int i = 0; i < key->desc->natts; i++)
	{
		source->key_attnos[i] = get_attnum(relid, NameStr(TupleDescAttr(key->desc, i)->attname));
		source->need = Max(source->need, source->key_attnos[i]);
	}
	source->slot = table_slot_create(source->rel, NULL);
	source->earlier = table_slot_create(source->rel, NULL);
	/* from the beginning: the rows of both tables are in the same order, mostly */
	source->scan = table_beginscan_strat(source->rel, GetActiveSnapshot(), 0, NULL,
										 true, false);
	return source;
}

/*
 * ckpt_table_source_row returns a row that was read, with all its columns.
 */
TupleTableSlot *
ckpt_table_source_row(CkptTableSource *source, const CkptMatchRow *row)
{
	TupleTableSlot *slot = source->slot;
	ItemPointerData tid = row->tid;

	if (TTS_EMPTY(slot) || !ItemPointerEquals(&slot->tts_tid, &tid))
	{
		slot = source->earlier;
		if (!table_tuple_fetch_row_version(source->rel, &tid, GetActiveSnapshot(), slot))
			elog(ERROR, "row %lld of table \"%s\" is gone", (long long) row->id,
				 RelationGetRelationName(source->rel));
	}
	slot_getallattrs(slot);
	return slot;
}

/*
 * ckpt_table_source_disordered looks, by a sample, whether more than a quarter of the
 * rows of a table come after rows with larger ids.
 */
bool
ckpt_table_source_disordered(CkptTableSource *source)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(source->rel);
	int64		max_id = 0;
	int			nbehind = 0;

	for (int i = 0; i < SAMPLE_ROWS && nblocks > 0; i++)
	{
		ItemPointerData tid;
		bool		isnull;
		int64		id;

		ItemPointerSet(&tid, (BlockNumber) ((uint64) nblocks * i / SAMPLE_ROWS),
					   FirstOffsetNumber);
		if (!table_tuple_fetch_row_version(source->rel, &tid, GetActiveSnapshot(),
										   source->earlier))
			continue;
		id = DatumGetInt64(slot_getattr(source->earlier, source->id_attno, &isnull));
		if (id < max_id)
			nbehind++;
		max_id = Max(max_id, id);
	}
	return nbehind > SAMPLE_ROWS / 4;
}

/*
 * ckpt_table_source_close ends the reading and frees the source; the lock stays.
 */
void
ckpt_table_source_close(CkptTableSource *source)
{
	table_endscan(source->scan);
	ExecDropSingleTupleTableSlot(source->slot);
	ExecDropSingleTupleTableSlot(source->earlier);
	table_close(source->rel, NoLock);
	pfree(source);
}

/*
 * Kept keys
 */

static bool
key_source_next(CkptMatchSource *pub)
{
	KeySource  *source = (KeySource *) pub;
	uint64		hash[2];
	size_t		nread;

	do
	{
		nread = BufFileRead(source->file, hash, sizeof(hash));
		if (nread == 0)
			return false;
		if (nread != sizeof(hash))
			elog(ERROR, "temporary file of keys ends within a key");
		source->id++;
	} while ((source->in && !ckpt_idset_contains(source->in, source->id)) ||
			 (source->not_in && ckpt_idset_contains(source->not_in, source->id)));
	pub->row.lo = hash[0];
	pub->row.hi = hash[1];
	pub->row.id = source->id;
	return true;
}

static bool
keys_receive(TupleTableSlot *slot, DestReceiver *self)
{
	CkptKeptKeys *keys = (CkptKeptKeys *) self;
	CkptKeyHasher  *key = keys->state->key;
	CkptMatchRow row;
	uint64		hash[2];

	slot_getallattrs(slot);
	for (int i = 0; i < key->desc->natts; i++)
	{
		key->values[i] = slot->tts_values[keys->state->cols[i]];
		key->isnull[i] = slot->tts_isnull[keys->state->cols[i]];
	}
	key_hash(key, &row);
	hash[0] = row.lo;
	hash[1] = row.hi;
	BufFileWrite(keys->state->file, hash, sizeof(hash));
	keys->rows++;
	return true;
}

static void
keys_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
	CkptKeptKeys *keys = (CkptKeptKeys *) self;
	TupleDesc	desc = keys->state->key->desc;

	for (int i = 0; i < desc->natts; i++)
	{
		int			col = 0;

		while (col < typeinfo->natts &&
			   strcmp(NameStr(TupleDescAttr(typeinfo, col)->attname),
					  NameStr(TupleDescAttr(desc, i)->attname)) != 0)
			col++;
		if (col == typeinfo->natts)
			elog(ERROR, "query does not return column \"%s\"",
				 NameStr(TupleDescAttr(desc, i)->attname));
		keys->state->cols[i] = col;
	}
}

static void
keys_shutdown(DestReceiver *self)
{
}

static void
keys_destroy(DestReceiver *self)
{
	CkptKeptKeys *keys = (CkptKeptKeys *) self;

	BufFileClose(keys->state->file);
	pfree(keys);
}

/*
 * ckpt_kept_keys_create makes a receiver for the rows of an input, which keeps a
 * hash of each in a temporary file until it is destroyed.
 */
CkptKeptKeys *
ckpt_kept_keys_create(CkptUdf *udf)
{
	CkptKeptKeys *keys = palloc0(sizeof(CkptKeptKeys));

	keys->pub.receiveSlot = keys_receive;
	keys->pub.rStartup = keys_startup;
	keys->pub.rShutdown = keys_shutdown;
	keys->pub.rDestroy = keys_destroy;
	keys->pub.mydest = DestNone;
	keys->state = palloc(sizeof(struct CkptKeptKeysState));
	keys->state->key = ckpt_key_hasher_create(udf);
	keys->state->cols = palloc(keys->state->key->desc->natts * sizeof(int));
	keys->state->file = BufFileCreateTemp(false);
	return keys;
}

/*
 * ckpt_kept_keys_hasher returns the hasher that the keys were made with.
 */
CkptKeyHasher *
ckpt_kept_keys_hasher(const CkptKeptKeys *keys)
{
	return keys->state->key;
}

/*
 * ckpt_kept_keys_match is ckpt_match() with the kept keys whose rows are in one set
 * and not in another for the new rows.
 */
int64
ckpt_kept_keys_match(CkptKeptKeys *keys, CkptMatchSource *old, const CkptIdSet *in,
					 const CkptIdSet *not_in, CkptMatchFound found, void *arg)
{
	KeySource	source = {{key_source_next}};

	source.file = keys->state->file;
	source.in = in;
	source.not_in = not_in;
	if (BufFileSeek(source.file, 0, 0, SEEK_SET) != 0)
		elog(ERROR, "could not rewind temporary file of keys");
	return ckpt_match(old, &source.pub, found, arg);
}
