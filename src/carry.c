/*-------------------------------------------------------------------------
 *
 * carry.c
 *	  Carries results over to a new input.
 *
 * When the input of a step has changed, a row of the new input whose values in
 * the columns that the UDF reads equal those of a row that was processed gets
 * that row's result, one for one.  match.c finds the pairs by hashes of those
 * values, reading the tables in physical order.  Where both rows of a pair of
 * map are at hand, the output row is written at once; the other pairs go into a
 * tuplestore, and the server joins it with the tables.
 *
 * Each run adds what it computed at the end of the output table, so that less of
 * it is in the order of its input from run to run, and less is at hand for the
 * next one.  When that is too much, all pairs are sorted, once.
 *
 * Everything is new in the current subtransaction: the input, the output, and
 * what is recorded as processed.  Which code computed a row is carried over,
 * too.
 *
 * A dry run does the same with hashes of the new input's rows in a temporary
 * file, and writes nothing.
 *
 * IDENTIFICATION
 *	  src/carry.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "asuser.h"
#include "bulkinsert.h"
#include "carry.h"
#include "carry_base.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "hidden.h"
#include "ledger.h"
#include "lib/stringinfo.h"
#include "match.h"
#include "match_source.h"
#include "progress.h"
#include "result_table.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* Rows are written when there are this many rows or bytes. */
#define FLUSH_ROWS		1000
#define FLUSH_BYTES		(1024 * 1024)

/*
 * What it costs to look through an older base: a row takes about so long to be
 * matched, a base has so many rows at least, and so many rows are for free.
 */
#define MATCH_SECONDS	3e-7
#define BASE_ROWS		1000
#define FREE_ROWS		100000

/* The name of the tuplestore of pairs in our query. */
#define PAIRS			"sys__pairs"

/* What one version of the code has computed of the new input. */
typedef struct Carried
{
	CkptCode	code;
	bool		given_up;		/* none has, and none will */
	CkptIdSet  *ids;
	CkptRowSum	output;
} Carried;

/* A row that is given up, as one of a base was. */
typedef struct GivenUp
{
	const CkptCheckpoint *base;
	int64		old_id;
	int64		new_id;
} GivenUp;

/* What one version of the code has computed of the base. */
typedef struct CodeSet
{
	CkptIdSet  *ids;
	Carried	   *result;			/* where to carry it */
} CodeSet;

typedef struct Carry
{
	DestReceiver pub;			/* of our query */
	CkptUdf    *udf;
	Oid			owner;
	CkptKeyHasher  *key;
	int64		rows_total;		/* of the new input */
	CkptIdSet  *carried;		/* those that have a result by now */
	List	   *results;
	List	   *given_up;		/* GivenUps */

	/* the new checkpoint; a dry run may have keys instead */
	const CkptCheckpoint *cp;
	CkptKeptKeys *keys;
	bool		dry;			/* only count */
	Relation	output;
	int			insert_options;
	CkptBulkInsert *buffer;
	CkptRowHasher *hasher;
	Datum	   *values;
	bool	   *isnull;
	int64		next_output_id;

	/* the earlier checkpoint that results are taken from */
	const CkptCheckpoint *base;
	List	   *codes;			/* CodeSets */
	CkptTableSource *old;
	CkptTableSource *new;
	bool		sort;			/* is no output row written at once? */
	TupleDesc	pair_desc;
	CkptIdSet  *taken;			/* its rows that are not to give a result */
	Tuplestorestate *pairs;
	int64		npairs;
} Carry;

/*
 * The pairs
 */

/*
 * code_of returns what a row of the base was computed by.
 */
static CodeSet *
code_of(const Carry *carry, int64 old_id)
{
	ListCell   *lc;

	foreach(lc, carry->codes)
	{
		CodeSet    *code = (CodeSet *) lfirst(lc);

		if (ckpt_idset_contains(code->ids, old_id))
			return code;
	}
	elog(ERROR, "row %lld was not to be carried over", (long long) old_id);
}

static void
carry_flush(Carry *carry)
{
	int64		nrows = ckpt_bulkinsert_count(carry->buffer);

	ckpt_bulkinsert_flush(carry->buffer, carry->output, carry->insert_options,
						 carry->udf->kind == CKPT_GEN ? carry->next_output_id : 0);
	carry->next_output_id += nrows;
}

/*
 * carry_write writes the output row in carry->values.
 */
static void
carry_write(Carry *carry, Carried *result)
{
	ckpt_rowhash_add(carry->hasher, &result->output, carry->values, carry->isnull);
	ckpt_bulkinsert_add(carry->buffer, carry->values, carry->isnull);
	if (carry->buffer->ntuples >= FLUSH_ROWS || carry->buffer->bytes >= FLUSH_BYTES)
		carry_flush(carry);
}

/*
 * carry_found gives a row of the new input the result of a row of the base.
 */
static void
carry_found(void *arg, const CkptMatchRow *old, const CkptMatchRow *new, bool near)
{
	Carry	   *carry = (Carry *) arg;
	CkptUdf    *udf = carry->udf;
	Carried	   *result;

	(void) ckpt_idset_add(carry->carried, new->id);
	ckpt_progress_rows(carry->carried->count);
	result = code_of(carry, old->id)->result;
	(void) ckpt_idset_add(result->ids, new->id);
	if (carry->dry)
		return;

	if (result->given_up)
	{
		GivenUp    *row = palloc(sizeof(GivenUp));

		*row = (GivenUp) {carry->base, old->id, new->id};
		carry->given_up = lappend(carry->given_up, row);
	}
	else if (near && udf->kind == CKPT_MAP && !carry->sort)
	{
		TupleTableSlot *from = ckpt_table_source_row(carry->new, new);
		int			nown = udf->output_desc->natts - udf->nplain;
		int			nplain_old;

		memcpy(carry->values, from->tts_values, udf->nplain * sizeof(Datum));
		memcpy(carry->isnull, from->tts_isnull, udf->nplain * sizeof(bool));
		/* the base may have other columns of the input before the udf's */
		from = ckpt_table_source_row(carry->old, old);
		nplain_old = from->tts_tupleDescriptor->natts - nown;
		memcpy(carry->values + udf->nplain, from->tts_values + nplain_old,
			   nown * sizeof(Datum));
		memcpy(carry->isnull + udf->nplain, from->tts_isnull + nplain_old,
			   nown * sizeof(bool));
		carry_write(carry, result);
	}
	else
	{
		Datum		values[2] = {Int64GetDatum(old->id), Int64GetDatum(new->id)};
		bool		isnull[2] = {false, false};

		tuplestore_putvalues(carry->pairs, carry->pair_desc, values, isnull);
		carry->npairs++;
	}
}

/*
 * carry_take has a row of the base stand for a result that is there already.
 */
static void
carry_take(void *arg, const CkptMatchRow *old, const CkptMatchRow *new, bool near)
{
	(void) ckpt_idset_add(((Carry *) arg)->taken, old->id);
}

static void
carry_count_only(void *arg, const CkptMatchRow *old, const CkptMatchRow *new, bool near)
{
}

/*
 * carry_receive takes (id in the base, id in the new input, the output row's
 * columns after that of this id).
 */
static bool
carry_receive(TupleTableSlot *slot, DestReceiver *self)
{
	Carry	   *carry = (Carry *) self;
	int			first = carry->udf->kind == CKPT_GEN ? 2 : 1;
	int			n = carry->udf->output_desc->natts - first;

	slot_getallattrs(slot);
	carry->values[0] = Int64GetDatum(0);	/* gen: number to come */
	carry->isnull[0] = false;
	carry->values[first - 1] = slot->tts_values[1];
	carry->isnull[first - 1] = false;
	memcpy(carry->values + first, slot->tts_values + 2, n * sizeof(Datum));
	memcpy(carry->isnull + first, slot->tts_isnull + 2, n * sizeof(bool));
	carry_write(carry, code_of(carry, DatumGetInt64(slot->tts_values[0]))->result);
	return true;
}

static void
carry_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
carry_shutdown(DestReceiver *self)
{
}

/*
 * append_columns writes ", <prefix>.<column>" for columns of desc.
 */
static void
append_columns(StringInfo buf, const char *prefix, TupleDesc desc, int first, int end)
{
	for (int i = first; i < end; i++)
		appendStringInfo(buf, ", %s.%s", prefix,
						 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
}

/*
 * pairs_query writes the query for the output rows of pairs.  Those of map come
 * in the order of their input, so that they are at hand the next time.
 */
static char *
pairs_query(const Carry *carry)
{
	CkptUdf    *udf = carry->udf;
	int			natts = udf->output_desc->natts;
	const char *old = quote_qualified_identifier(CKPT_DATA_SCHEMA, carry->base->output_table);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT p.old, p.new");
	if (udf->kind != CKPT_GEN)
	{
		append_columns(&sql, "n", udf->output_desc, 1, udf->nplain);
		append_columns(&sql, "o", udf->output_desc, udf->nplain, natts);
		appendStringInfo(&sql, " FROM " PAIRS " p JOIN ONLY %s o ON o." CKPT_ID_COLUMN " = p.old"
						 " JOIN ONLY %s n ON n." CKPT_ID_COLUMN " = p.new ORDER BY p.new", old,
						 quote_qualified_identifier(CKPT_DATA_SCHEMA, carry->cp->input_table));
	}
	else
	{
		append_columns(&sql, "n", udf->output_desc, 2, udf->nplain);
		append_columns(&sql, "o", udf->output_desc, udf->nplain, natts);
		appendStringInfo(&sql, " FROM " PAIRS " p JOIN ONLY %s o ON o." CKPT_INPUT_ID_COLUMN
						 " = p.old", old);
		if (udf->nkeep > 0)
			appendStringInfo(&sql, " JOIN ONLY %s n ON n." CKPT_ID_COLUMN " = p.new",
							 quote_qualified_identifier(CKPT_DATA_SCHEMA, carry->cp->input_table));
	}
	return sql.data;
}

/*
 * carry_pairs writes the output rows of the pairs in the tuplestore.
 */
static void
carry_pairs(Carry *carry)
{
	char	   *sql = pairs_query(carry);
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	SPIExecuteOptions options = {0};
	int			rc;

	enr->md.name = PAIRS;
	enr->md.tupdesc = carry->pair_desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = carry->npairs;
	enr->reldata = carry->pairs;
	options.read_only = true;
	options.dest = &carry->pub;

	SPI_connect();
	if (SPI_register_relation(enr) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register relation \"%s\"", PAIRS);
	rc = SPI_execute_extended(sql, &options);
	/* its word for a SELECT whose rows it has not seen */
	if (rc != SPI_OK_UTILITY)
		elog(ERROR, "unexpected SPI result %s from \"%s\"",
			 SPI_result_code_string(rc), sql);
	SPI_finish();
}

/*
 * Bases
 */

/*
 * versions_with_rows lists (CkptCodeVersion *) those that have computed rows of
 * a base; if there is a code, only that one.
 */
static List *
versions_with_rows(const CkptCheckpoint *base, const CkptCode *code)
{
	List	   *versions = NIL;
	ListCell   *lc;

	foreach(lc, ckpt_ledger_codes(base))
	{
		CkptCodeVersion *version = (CkptCodeVersion *) lfirst(lc);

		if (version->rows > 0 && (code == NULL || ckpt_code_equal(&version->code, code)))
			versions = lappend(versions, version);
	}
	return versions;
}

/*
 * result_of returns what has been carried over of a version of the code.
 */
static Carried *
result_of(Carry *carry, const CkptCode *code)
{
	Carried	   *result;
	ListCell   *lc;

	foreach(lc, carry->results)
	{
		result = (Carried *) lfirst(lc);
		if (ckpt_code_equal(&result->code, code))
			return result;
	}
	result = palloc0(sizeof(Carried));
	result->code = *code;
	result->given_up = code == &ckpt_ledger_given_up_code;
	result->ids = ckpt_idset_create(carry->rows_total);
	carry->results = lappend(carry->results, result);
	return result;
}

/*
 * rows_table returns the table with the values of a checkpoint's input rows.
 */
static const char *
rows_table(const CkptUdf *udf, const CkptCheckpoint *cp)
{
	return udf->kind == CKPT_MAP && cp->final ? cp->output_table : cp->input_table;
}

/*
 * carry_match pairs rows of a table of the base with rows of the new input;
 * of both, those that are in one set (NULL: all) and not in another.  Returns
 * how many pairs there are.
 */
static int64
carry_match(Carry *carry, const char *base_table, const CkptIdSet *in,
			const CkptIdSet *not_in, const CkptIdSet *new_in,
			const CkptIdSet *new_not_in, CkptMatchFound found)
{
	bool		whole = found == carry_found && !carry->dry && carry->udf->kind == CKPT_MAP;
	int64		npairs;

	carry->old = ckpt_table_source_open(base_table, carry->key, whole, in, not_in);
	carry->sort = whole && ckpt_table_source_disordered(carry->old);
	if (carry->keys)
		npairs = ckpt_kept_keys_match(carry->keys, &carry->old->pub, new_in, new_not_in,
									  found, carry);
	else
	{
		carry->new = ckpt_table_source_open(rows_table(carry->udf, carry->cp), carry->key, whole,
									   new_in, new_not_in);
		npairs = ckpt_match(&carry->old->pub, &carry->new->pub, found, carry);
		ckpt_table_source_close(carry->new);
	}
	ckpt_table_source_close(carry->old);
	return npairs;
}

/* What carry_enter() has changed. */
typedef struct Entered
{
	CkptUser	saved;
	int			nestlevel;
} Entered;

/*
 * carry_enter goes over to what reading and joining the tables needs: the rights
 * of their owner, settings, a snapshot.
 */
static Entered
carry_enter(const Carry *carry)
{
	Entered		entered;

	entered.saved = ckpt_user_become(carry->owner);
	entered.nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	/* the tables have no statistics: what the planner expects is far out */
	(void) set_config_option("enable_nestloop", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("jit", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	PushActiveSnapshot(GetTransactionSnapshot());
	return entered;
}

static void
carry_leave(const Entered *entered)
{
	PopActiveSnapshot();
	AtEOXact_GUC(false, entered->nestlevel);
	ckpt_user_restore(entered->saved);
}

/*
 * note_difference notes how the new input differs from that of a base, of whose
 * rows so many have equals in so many rows of the new input.
 */
static void
note_difference(CkptCarryCounts *counts, const CkptCheckpoint *base, int64 rows_new,
				int64 npairs)
{
	int64		unmatched_new = rows_new - npairs;

	/* (the table's owner may have added rows to it) */
	int64		unmatched_old = Max(base->rows_total - npairs, 0);

	counts->changed = Min(unmatched_new, unmatched_old);
	counts->added = unmatched_new - counts->changed;
	counts->removed = unmatched_old - counts->changed;
}

/*
 * carry_add_code lists what a version of the code has computed of the base.
 */
static void
carry_add_code(Carry *carry, const CkptCode *code, CkptIdSet *ids)
{
	CodeSet    *set = palloc(sizeof(CodeSet));

	set->ids = ids;
	set->result = result_of(carry, code);
	carry->codes = lappend(carry->codes, set);
}

/*
 * carry_rows carries over what there is of rows of the base, whose values are in
 * a table.  Those that stand for results from earlier bases are among
 * carry->taken.
 */
static void
carry_rows(Carry *carry, const char *table, const CkptIdSet *ids, bool first)
{
	if (ids == NULL)
		return;
	if (!first)
	{
		/* results come from one base to the next: they are not to count twice */
		(void) carry_match(carry, table, ids, NULL, carry->carried, NULL, carry_take);
	}
	(void) carry_match(carry, table, ids, carry->taken, NULL, carry->carried, carry_found);
}

/*
 * carry_from_base carries over from one base what the given versions of the code
 * (CkptCodeVersion *) have computed, and that rows were given up; it returns how
 * many rows that is.  The first base is compared with the new input, too.
 */
static int64
carry_from_base(Carry *carry, const CkptCheckpoint *cp, List *versions,
				CkptIdSet *given_up, CkptCarryCounts *counts)
{
	bool		map = carry->udf->kind == CKPT_MAP;
	const char *table = map ? cp->output_table : cp->input_table;
	CkptIdSet  *ids = ckpt_idset_create(cp->rows_total);
	int64		before = carry->carried->count;
	int64		carried;
	Entered		entered;
	ListCell   *lc;

	carry->base = cp;
	carry->codes = NIL;
	foreach(lc, versions)
	{
		CkptCodeVersion *version = (CkptCodeVersion *) lfirst(lc);
		CkptIdSet  *of_code = ckpt_idset_create(cp->rows_total);

		ckpt_ledger_add_processed_by(cp, version, of_code);
		ckpt_idset_add_set(ids, of_code);
		carry_add_code(carry, &version->code, of_code);
	}
	if (given_up)
		carry_add_code(carry, &ckpt_ledger_given_up_code, given_up);

	entered = carry_enter(carry);
	carry->pairs = tuplestore_begin_heap(false, false, work_mem);
	carry->npairs = 0;
	carry->taken = ckpt_idset_create(cp->rows_total);
	carry_rows(carry, table, versions == NIL ? NULL : ids, before == 0);
	carry_rows(carry, cp->input_table, given_up, before == 0);
	if (given_up)
		ckpt_idset_add_set(ids, given_up);
	if (carry->npairs > 0)
		carry_pairs(carry);
	tuplestore_end(carry->pairs);
	carried = carry->carried->count - before;

	if (counts->base == NULL)
	{
		int64		npairs = carried + carry->taken->count;

		/* rows without a result that counts are still rows of the input */
		if (ids->count < cp->rows_total && carry->carried->count < carry->rows_total)
			npairs += carry_match(carry, rows_table(carry->udf, cp), NULL, ids,
								  NULL, carry->carried, carry_count_only);
		note_difference(counts, cp, carry->rows_total, npairs);
	}
	carry_leave(&entered);
	return carried;
}

/*
 * carry_compare compares the new input with that of a base that has more of its
 * rows than those before it.
 */
static void
carry_compare(Carry *carry, CkptCarryCounts *counts)
{
	Entered		entered = carry_enter(carry);

	note_difference(counts, counts->base, carry->rows_total,
					carry_match(carry, rows_table(carry->udf, counts->base), NULL, NULL,
								NULL, NULL, carry_count_only));
	carry_leave(&entered);
}

/*
 * carry_begin makes what carrying over to so many rows needs.
 */
static Carry *
carry_begin(CkptUdf *udf, Oid owner, int64 rows_total, CkptKeyHasher *key)
{
	Carry	   *carry = palloc0(sizeof(Carry));

	carry->pub.receiveSlot = carry_receive;
	carry->pub.rStartup = carry_startup;
	carry->pub.rShutdown = carry_shutdown;
	carry->pub.rDestroy = carry_shutdown;
	carry->pub.mydest = DestNone;
	carry->udf = udf;
	carry->owner = owner;
	carry->key = key;
	carry->rows_total = rows_total;
	carry->carried = ckpt_idset_create(rows_total);
	carry->pair_desc = CreateTemplateTupleDesc(2);
	TupleDescInitEntry(carry->pair_desc, 1, "old", INT8OID, -1, 0);
	TupleDescInitEntry(carry->pair_desc, 2, "new", INT8OID, -1, 0);
	return carry;
}

/*
 * ckpt_carry_has_key returns whether results of a UDF can be carried over at
 * all: it is a function of its row's values, and reads some.
 */
bool
ckpt_carry_has_key(const CkptUdf *udf)
{
	return !udf->reads_id && !bms_is_empty(udf->reads);
}

/*
 * versions_that_count lists (CkptCodeVersion *) those whose results may be
 * carried over from a checkpoint, and notes which rows of it were given up.
 */
static List *
versions_that_count(const CkptCarryFrom *from, CkptUdf *udf, const CkptCheckpoint *cp,
					bool warn, CkptIdSet **given_up)
{
	CkptCarryWhich which = from->which(from->arg, cp, warn);

	*given_up = NULL;
	if (which == CKPT_CARRY_NONE || !ckpt_carry_base_has_key(udf, cp) || !ckpt_carry_base_means_the_same(udf, cp))
		return NIL;
	*given_up = ckpt_carry_base_given_up(cp);
	return versions_with_rows(cp, which == CKPT_CARRY_ALL ? NULL : &from->code);
}

/*
 * carry_from_all carries over from one base after the other, newest first, until
 * all rows have a result.
 *
 * The newest base mostly has all that there is.  Older ones are looked through
 * as long as that is cheap beside computing the rows that are left.  Nothing is
 * taken from behind a fresh run that is not finished: it was to replace what
 * there was.
 */
static void
carry_from_all(Carry *carry, const CkptCarryFrom *from, CkptCarryCounts *counts)
{
	double		cost = 0;
	bool		first = true;
	bool		compare = false;
	int64		most = 0;		/* rows that counts->base has results for */
	ListCell   *lc;

	memset(counts, 0, sizeof(CkptCarryCounts));
	foreach(lc, from->checkpoints)
	{
		const CkptCheckpoint *cp = (const CkptCheckpoint *) lfirst(lc);
		int64		left = carry->rows_total - carry->carried->count;
		bool		itself = carry->cp && cp->id == carry->cp->id;
		CkptIdSet  *given_up = NULL;
		List	   *versions;

		if (!first)
		{
			cost += 2 * (carry->rows_total + cp->rows_total) + BASE_ROWS;
			if (left == 0 ||
				(from->seconds_per_row >= 0 &&
				 cost > FREE_ROWS + left * from->seconds_per_row / MATCH_SECONDS))
				break;
		}
		versions = itself ? NIL : versions_that_count(from, carry->udf, cp, first, &given_up);
		if (versions != NIL || given_up)
		{
			int64		carried = carry_from_base(carry, cp, versions, given_up, counts);

			int64		has = carried + carry->taken->count;

			counts->carried += carried;
			if (carried > 0)
				counts->used = lappend(counts->used, (void *) cp);
			if (counts->base == NULL || (carried > 0 && has > most))
			{
				compare = counts->base != NULL;
				counts->base = cp;
				counts->from_base = carried;
				most = has;
			}
		}
		first &= itself;
		if (cp->fresh && !cp->final)
			break;
	}
	if (compare)
		carry_compare(carry, counts);

	foreach(lc, carry->results)
	{
		Carried	   *result = (Carried *) lfirst(lc);

		if (!result->given_up && !ckpt_code_equal(&result->code, &from->code))
			counts->by_earlier += result->ids->count;
	}
}

/*
 * carry_record records what has been carried over, and by which code it was
 * computed.
 */
static void
carry_record(Carry *carry)
{
	int64		max_output_id = carry->udf->kind == CKPT_GEN ? carry->next_output_id - 1 : 0;
	ListCell   *lc;

	foreach(lc, carry->results)
	{
		Carried	   *result = (Carried *) lfirst(lc);
		CkptLedger *ledger;

		if (result->ids->count == 0)
			continue;
		ledger = ckpt_ledger_open(carry->cp, &result->code, CKPT_LEDGER_SESSION);
		if (!ckpt_ledger_mark_set(ledger, result->ids))
			elog(ERROR, "result of a processed row was carried over");
		ckpt_ledger_add_output(ledger, &result->output, max_output_id);
		ckpt_ledger_store(ledger);
	}
	foreach(lc, carry->given_up)
	{
		GivenUp    *row = (GivenUp *) lfirst(lc);

		ckpt_ledger_give_up_likewise(carry->cp, row->new_id, row->base, row->old_id);
	}
}

/*
 * ckpt_carry_over gives rows of a checkpoint's input that have no result those
 * that equal rows have in other checkpoints.
 *
 * cp's tables are locked; mostly they are new, and its output is empty.
 * from->which locks the tables of those that may give something.
 */
void
ckpt_carry_over(const CkptCarryFrom *from, const CkptCheckpoint *cp, CkptUdf *udf,
				Oid owner, CkptCarryCounts *counts)
{
	Carry	   *carry = carry_begin(udf, owner, cp->rows_total, ckpt_key_hasher_create(udf));

	carry->cp = cp;
	carry->output = table_open(ckpt_result_table_lookup(cp->output_table), RowExclusiveLock);
	ckpt_hidden_ensure(RelationGetRelid(carry->output));
	carry->buffer = ckpt_bulkinsert_create(udf->output_desc);
	carry->hasher = ckpt_rowhash_create(udf->output_desc);
	carry->values = palloc(udf->output_desc->natts * sizeof(Datum));
	carry->isnull = palloc(udf->output_desc->natts * sizeof(bool));
	carry->carried = ckpt_ledger_processed(cp);
	carry->next_output_id = ckpt_ledger_totals(cp).max_output_id + 1;
	carry->insert_options = TABLE_INSERT_SKIP_FSM;
	if (carry->output->rd_createSubid == GetCurrentSubTransactionId())
		carry->insert_options |= TABLE_INSERT_FROZEN;

	carry_from_all(carry, from, counts);
	carry_flush(carry);
	table_close(carry->output, NoLock);
	carry_record(carry);
}

/*
 * Dry runs
 */

/*
 * ckpt_carry_count is ckpt_carry_over without a new checkpoint: it counts, and
 * writes nothing.
 */
void
ckpt_carry_count(const CkptCarryFrom *from, CkptKeptKeys *keys, CkptUdf *udf,
				 Oid owner, CkptCarryCounts *counts)
{
	Carry	   *carry = carry_begin(udf, owner, keys->rows, ckpt_kept_keys_hasher(keys));

	carry->keys = keys;
	carry->dry = true;
	carry_from_all(carry, from, counts);
}

/*
 * ckpt_carry_count_to counts in the same way what a checkpoint would get that is
 * there already.
 */
void
ckpt_carry_count_to(const CkptCarryFrom *from, const CkptCheckpoint *cp, CkptUdf *udf,
					Oid owner, CkptCarryCounts *counts)
{
	Carry	   *carry = carry_begin(udf, owner, cp->rows_total, ckpt_key_hasher_create(udf));

	carry->cp = cp;
	carry->dry = true;
	carry->carried = ckpt_ledger_processed(cp);
	carry_from_all(carry, from, counts);
}

/*
 * ckpt_carry_supersedes returns whether a final checkpoint holds results for
 * most of the rows that another, partial one has processed.
 *
 * Their tables are locked.  Reads both, unless their sizes decide.
 */
bool
ckpt_carry_supersedes(const CkptCheckpoint *cp, const CkptCheckpoint *partial,
					  CkptUdf *udf, Oid owner)
{
	CkptIdSet  *processed = ckpt_ledger_processed(partial);
	Carry	   *carry;
	Entered		entered;
	int64		npairs;

	if (processed->count == 0)
		return ckpt_ledger_count_failed(partial, 0) == 0;
	if (2 * cp->rows_total <= processed->count || !ckpt_carry_has_key(udf) ||
		!ckpt_carry_base_has_key(udf, partial))
		return false;

	carry = carry_begin(udf, owner, cp->rows_total, ckpt_key_hasher_create(udf));
	carry->cp = cp;
	carry->dry = true;
	entered = carry_enter(carry);
	npairs = carry_match(carry, partial->input_table, processed, NULL, NULL, NULL,
						 carry_count_only);
	carry_leave(&entered);
	return 2 * npairs > processed->count;
}

static void
append_count(StringInfo buf, CkptKind kind, int64 n, const char *what)
{
	if (n == 0)
		return;
	if (buf->len == 0)
		appendStringInfo(buf, "input changed: %lld %s %s", (long long) n,
						 ckpt_unit_word(kind, n == 1), what);
	else
		appendStringInfo(buf, ", %lld %s", (long long) n, what);
}

/*
 * ckpt_carry_describe says in words which rows of the input have changed; NULL
 * if none has.
 */
char *
ckpt_carry_describe(const CkptCarryCounts *counts)
{
	CkptKind	kind = counts->base ? counts->base->kind : CKPT_MAP;
	StringInfoData buf;

	initStringInfo(&buf);
	append_count(&buf, kind, counts->added, "added");
	append_count(&buf, kind, counts->changed, "changed");
	append_count(&buf, kind, counts->removed, "removed");
	return buf.len > 0 ? buf.data : NULL;
}
