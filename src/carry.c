/*-------------------------------------------------------------------------
 *
 * carry.c
 *	  Carries results over to a new input.
 *
 * When the input of a step has changed, a row of the new input whose values in
 * the columns that the UDF reads equal those of a row that was processed gets
 * that row's result, one for one.  Both inputs are read once; rows are matched
 * by a hash of those values and by their number among equal ones.  The server's
 * own sort and join do the work, and spill to disk where it does not fit.
 *
 * Everything is new in the current subtransaction: the input, the output, and
 * what is recorded as processed.  Which code computed a row is carried over,
 * too.
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
#include "asuser.h"
#include "carry.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "query.h"
#include "result_table.h"
#include "rowbuffer.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(checkpoint_is_carried);

/* Rows are written when there are this many rows or bytes. */
#define FLUSH_ROWS		1000
#define FLUSH_BYTES		(1024 * 1024)

/* What one version of the code has computed of the base. */
typedef struct CodeSet
{
	int			code_no;		/* of the base */
	CkptIdSet  *ids;			/* of the base */
	int			new_code_no;
	CkptIdSet  *carried;		/* ids of the new input */
	CkptWorkDone done;
} CodeSet;

typedef struct CarryReceiver
{
	DestReceiver pub;
	CkptKind	kind;
	List	   *codes;			/* CodeSets */
	Relation	output;
	CkptRowBuffer *buffer;
	CkptRowHasher *hasher;
	Datum	   *values;
	bool	   *isnull;
	int64		rows;			/* of the input */
	int64		next_output_id;
} CarryReceiver;

/* The processed rows of the base that may be carried over, while it is read. */
static List *current_codes = NIL;

/*
 * _is_carried(id) is the filter on the base's rows: those that were processed
 * by code that counts.
 */
Datum
checkpoint_is_carried(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);
	ListCell   *lc;

	foreach(lc, current_codes)
	{
		if (ckpt_idset_contains(((CodeSet *) lfirst(lc))->ids, id))
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

static void
carry_flush(CarryReceiver *receiver)
{
	int64		nrows = ckpt_rowbuffer_count(receiver->buffer);

	ckpt_rowbuffer_flush(receiver->buffer, receiver->output,
						 TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN,
						 receiver->kind == CKPT_GEN ? receiver->next_output_id : 0);
	receiver->next_output_id += nrows;
}

/*
 * carry_receive takes (id in the base, id in the new input, is there an output
 * row, the output row's columns).
 */
static bool
carry_receive(TupleTableSlot *slot, DestReceiver *self)
{
	CarryReceiver *receiver = (CarryReceiver *) self;
	int			natts = receiver->buffer->desc->natts;
	int64		old_id;
	int64		new_id;
	CodeSet    *code = NULL;
	ListCell   *lc;

	slot_getallattrs(slot);
	old_id = DatumGetInt64(slot->tts_values[0]);
	new_id = DatumGetInt64(slot->tts_values[1]);
	foreach(lc, receiver->codes)
	{
		code = (CodeSet *) lfirst(lc);
		if (ckpt_idset_contains(code->ids, old_id))
			break;
	}
	if (ckpt_idset_add(code->carried, new_id))
	{
		code->done.processed++;
		receiver->rows++;
	}
	if (!DatumGetBool(slot->tts_values[2]))
		return true;

	memcpy(receiver->values, slot->tts_values + 3, natts * sizeof(Datum));
	memcpy(receiver->isnull, slot->tts_isnull + 3, natts * sizeof(bool));
	ckpt_rowhash_add(receiver->hasher, &code->done.output, receiver->values,
					 receiver->isnull);
	ckpt_rowbuffer_add(receiver->buffer, receiver->values, receiver->isnull);
	if (receiver->buffer->ntuples >= FLUSH_ROWS || receiver->buffer->bytes >= FLUSH_BYTES)
		carry_flush(receiver);
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
 * carry_codes lists (CodeSet *) what may be carried over, by code.
 */
static List *
carry_codes(const CkptCheckpoint *base, const CkptCheckpoint *cp, const char *only_code,
			const char *only_version)
{
	List	   *codes = NIL;
	ListCell   *lc;

	foreach(lc, ckpt_catalog_code_versions(base->id))
	{
		CkptCodeVersion *version = (CkptCodeVersion *) lfirst(lc);
		CodeSet    *code;

		if (only_code &&
			(strcmp(version->code_hash, only_code) != 0 ||
			 strcmp(version->cache_version ? version->cache_version : "",
					only_version ? only_version : "") != 0))
			continue;
		code = palloc0(sizeof(CodeSet));
		code->code_no = version->code_no;
		code->ids = ckpt_idset_create(base->rows_total);
		code->carried = ckpt_idset_create(cp->rows_total);
		if (base->final && !base->mixed_code)
		{
			/* nothing is stored where all is done */
			for (int64 i = 0; i < code->ids->nranges; i++)
				ckpt_idset_load_range(code->ids, i, NULL, 0);
		}
		else
			ckpt_catalog_load_code_processed(base->id, version->code_no, code->ids);
		if (code->ids->count == 0)
			continue;
		code->new_code_no = ckpt_catalog_code_version(cp->id, version->code_hash,
													  version->cache_version,
													  version->components);
		codes = lappend(codes, code);
	}
	return codes;
}

/*
 * append_columns writes "<prefix>.<column>" for each column of desc from first
 * on.
 */
static void
append_columns(StringInfo buf, const char *prefix, TupleDesc desc, int first)
{
	for (int i = first; i < desc->natts; i++)
		appendStringInfo(buf, ", %s.%s", prefix,
						 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
}

/*
 * carry_query writes the query that matches rows.
 */
static char *
carry_query(const CkptCheckpoint *base, const CkptCheckpoint *cp, CkptUdf *udf)
{
	bool		map = udf->kind == CKPT_MAP;
	StringInfoData key;
	StringInfoData sql;

	initStringInfo(&key);
	for (int i = 1; i < udf->input_desc->natts; i++)
	{
		if (bms_is_member(i + 1, udf->reads))
			appendStringInfo(&key, "%s%s", key.len > 0 ? ", " : "",
							 quote_identifier(NameStr(TupleDescAttr(udf->input_desc, i)->attname)));
	}

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "WITH base AS (SELECT *, row_number() OVER (PARTITION BY sys__key) AS sys__nth"
					 " FROM (SELECT *, checkpoint._row_key(ROW(%s)) AS sys__key FROM %s"
					 " WHERE checkpoint._is_carried(sys__id)) b),"
					 " new AS (SELECT *, row_number() OVER (PARTITION BY sys__key) AS sys__nth"
					 " FROM (SELECT *, checkpoint._row_key(ROW(%s)) AS sys__key FROM %s) n)"
					 " SELECT base.sys__id, new.sys__id",
					 key.data,
					 quote_qualified_identifier(CKPT_DATA_SCHEMA,
												map ? base->output_table : base->input_table),
					 key.data,
					 quote_qualified_identifier(CKPT_DATA_SCHEMA, cp->input_table));
	if (map)
	{
		appendStringInfoString(&sql, ", true, new.sys__id");
		for (int i = 1; i < udf->nplain; i++)
			appendStringInfo(&sql, ", new.%s",
							 quote_identifier(NameStr(TupleDescAttr(udf->input_desc, i)->attname)));
		append_columns(&sql, "base", udf->output_desc, udf->nplain);
		appendStringInfoString(&sql, " FROM new JOIN base USING (sys__key, sys__nth)");
	}
	else
	{
		appendStringInfoString(&sql, ", o.sys__id IS NOT NULL, 0::bigint, new.sys__id");
		append_columns(&sql, "o", udf->output_desc, 2);
		appendStringInfo(&sql, " FROM new JOIN base USING (sys__key, sys__nth)"
						 " LEFT JOIN %s o ON o.sys__input_id = base.sys__id",
						 quote_qualified_identifier(CKPT_DATA_SCHEMA, base->output_table));
	}
	return sql.data;
}

/*
 * ckpt_carry_possible returns whether the UDF is a function of its row's values
 * and a table (the output of map, or the input of gen) has the columns that it
 * reads.
 */
bool
ckpt_carry_possible(CkptUdf *udf, const char *table)
{
	Oid			relid = ckpt_result_table_lookup(table);
	int			attno = 0;

	if (udf->reads_id || bms_is_empty(udf->reads))
		return false;
	while ((attno = bms_next_member(udf->reads, attno)) > 0)
	{
		Form_pg_attribute want = TupleDescAttr(udf->input_desc, attno - 1);
		AttrNumber	found = get_attnum(relid, NameStr(want->attname));
		Oid			type;
		int32		typmod;
		Oid			collation;

		if (found == InvalidAttrNumber)
			return false;
		get_atttypetypmodcoll(relid, found, &type, &typmod, &collation);
		if (type != want->atttypid || typmod != want->atttypmod ||
			collation != want->attcollation)
			return false;
	}
	return true;
}

/*
 * ckpt_carry_over gives rows of a new checkpoint's input the results that equal
 * rows have in another checkpoint of the step, and returns how many.
 *
 * Only results of one version of the code count if only_code is not NULL.  The
 * base's tables are locked and known to be good, and ckpt_carry_possible() has
 * said so; cp's are new in this subtransaction, its output is empty.
 */
int64
ckpt_carry_over(const CkptCheckpoint *base, const CkptCheckpoint *cp, CkptUdf *udf,
				Oid owner, const char *only_code, const char *only_version)
{
	CarryReceiver *receiver = palloc0(sizeof(CarryReceiver));
	char	   *sql;
	CkptUser	saved;
	int			nestlevel;
	ListCell   *lc;

	receiver->codes = carry_codes(base, cp, only_code, only_version);
	if (receiver->codes == NIL)
		return 0;

	sql = carry_query(base, cp, udf);
	receiver->pub.receiveSlot = carry_receive;
	receiver->pub.rStartup = carry_startup;
	receiver->pub.rShutdown = carry_shutdown;
	receiver->pub.rDestroy = carry_shutdown;
	receiver->pub.mydest = DestNone;
	receiver->kind = udf->kind;
	receiver->output = table_open(ckpt_result_table_lookup(cp->output_table), RowExclusiveLock);
	receiver->buffer = ckpt_rowbuffer_create(udf->output_desc);
	receiver->hasher = ckpt_rowhash_create(udf->output_desc);
	receiver->values = palloc(udf->output_desc->natts * sizeof(Datum));
	receiver->isnull = palloc(udf->output_desc->natts * sizeof(bool));
	receiver->next_output_id = 1;

	saved = ckpt_user_become(owner);
	nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	/* the new tables have no statistics that would tell the planner so */
	(void) set_config_option("enable_nestloop", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	current_codes = receiver->codes;
	PG_TRY();
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		(void) ckpt_query_run(ckpt_query_analyze(sql, "carry over", NIL), sql, &receiver->pub);
		PopActiveSnapshot();
	}
	PG_FINALLY();
	{
		current_codes = NIL;
	}
	PG_END_TRY();
	AtEOXact_GUC(false, nestlevel);
	ckpt_user_restore(saved);
	carry_flush(receiver);
	table_close(receiver->output, NoLock);

	foreach(lc, receiver->codes)
	{
		CodeSet    *code = (CodeSet *) lfirst(lc);

		code->done.max_output_id = udf->kind == CKPT_GEN ? receiver->next_output_id - 1 : 0;
		ckpt_catalog_store_processed(cp->id, code->new_code_no, 0, code->carried);
		ckpt_catalog_store_work(cp->id, code->new_code_no, 0, &code->done);
	}
	return receiver->rows;
}
