/*-------------------------------------------------------------------------
 *
 * quarantine.c
 *	  Rows in quarantine, for SQL: what they are, and giving them up.
 *
 * IDENTIFICATION
 *	  src/quarantine.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/table.h"
#include "agg.h"
#include "asuser.h"
#include "catalog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "job.h"
#include "joblock.h"
#include "ledger.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "result_table.h"
#include "role.h"
#include "subxact.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"

PG_FUNCTION_INFO_V1(checkpoint_give_up);
PG_FUNCTION_INFO_V1(checkpoint_error_input);

/*
 * give_up(checkpoint_id, id, reason) has a row in quarantine count as processed,
 * without output.
 */
Datum
checkpoint_give_up(PG_FUNCTION_ARGS)
{
	CkptCheckpoint cp;
	int64		id;

	ckpt_job_check_writable("checkpoint.give_up()");
	for (int i = 0; i < 3; i++)
	{
		static const char *const names[] = {"checkpoint_id", "id", "reason"};

		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" must not be null", names[i]),
					 errhint("See the view checkpoint.errors for rows that may be given up.")));
	}
	id = PG_GETARG_INT64(1);
	ckpt_job_resolve_checkpoint(PG_GETARG_INT64(0), &cp);
	/* not while clients mark rows, nor a step begins or ends */
	ckpt_joblock_wait(CKPT_LOCK_CLIENTS, cp.id, ExclusiveLock);
	ckpt_catalog_lock_checkpoint(cp.id);
	/* as it is now that nobody else changes it */
	ckpt_job_resolve_checkpoint(cp.id, &cp);
	ckpt_job_refuse_if_in_use(&cp);
	if (id < 1 || id > cp.rows_total ||
		!ckpt_ledger_give_up(&cp, id, text_to_cstring(PG_GETARG_TEXT_PP(2))))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("row %lld of checkpoint %lld is not in quarantine", (long long) id,
						(long long) cp.id),
				 errhint("Only rows of the view checkpoint.errors may be given up.")));
	PG_RETURN_VOID();
}

/*
 * The values of rows in quarantine
 */

typedef struct InputKey
{
	int64		checkpoint_id;
	int64		id;
} InputKey;

typedef struct InputRow
{
	InputKey	key;
	Datum		values;			/* a jsonb */
} InputRow;

/* What a query has read so far. */
typedef struct Inputs
{
	MemoryContext cxt;
	HTAB	   *rows;			/* InputRows */
	HTAB	   *checkpoints;	/* numbers of those whose rows are there */

	/* the checkpoint that is being read */
	CkptCheckpoint cp;
} Inputs;

/*
 * append_values writes an expression for the values of a row t as a jsonb: those
 * that the step's query gave, of a group its partition columns.
 */
static void
append_values(StringInfo sql, const CkptCheckpoint *cp)
{
	Relation	rel = table_open(ckpt_result_table_rows(cp->input_table), AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	int			end = desc->natts;
	bool		any = false;

	if (cp->kind == CKPT_AGG)
		end = Min(end, 1 + ckpt_agg_count_keys(ckpt_catalog_partition_by(cp->id)));
	appendStringInfoString(sql, "(SELECT pg_catalog.to_jsonb(r) FROM (SELECT ");
	for (int i = 1; i < end; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		appendStringInfo(sql, "%st.%s", any ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
		any = true;
	}
	appendStringInfoString(sql, ") r)");
	table_close(rel, NoLock);
}

/*
 * may_read returns whether the current user may read a table, all of it.
 */
static bool
may_read(Oid relid)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED;
}

static Datum
ids_datum(const CkptIdSet *set)
{
	ArrayBuildState *ids = initArrayResult(INT8OID, CurrentMemoryContext, false);

	for (int64 id = 1; (id = ckpt_idset_next_member(set, id)) <= set->max_id; id++)
		ids = accumArrayResult(ids, Int64GetDatum(id), false, INT8OID, CurrentMemoryContext);
	return makeArrayResult(ids, CurrentMemoryContext);
}

/*
 * read_inputs reads the values of a checkpoint's rows in quarantine, in one pass
 * over its input table.
 *
 * The viewer must have the right to read them.  They are read as their owner: a
 * conversion of a type to JSON may be code that the owner wrote.
 */
static void
read_inputs(void *arg)
{
	Inputs	   *inputs = (Inputs *) arg;
	CkptCheckpoint *cp = &inputs->cp;
	Oid			types[1] = {INT8ARRAYOID};
	Datum		args[1];
	StringInfoData sql;
	CkptUser	saved;

	if (cp->input_table == NULL || !OidIsValid(cp->owner) ||
		ckpt_result_table_fault(cp->input_table, cp->owner, NULL) ||
		!may_read(ckpt_result_table_lookup(cp->input_table)))
		return;
	args[0] = ids_datum(ckpt_ledger_failed(cp));
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT t." CKPT_ID_COLUMN ", ");
	append_values(&sql, cp);
	appendStringInfo(&sql, " FROM ONLY %s t WHERE t." CKPT_ID_COLUMN
					 " OPERATOR(pg_catalog.=) ANY ($1)",
					 quote_qualified_identifier(CKPT_DATA_SCHEMA, cp->input_table));

	saved = ckpt_user_become(cp->owner);
	SPI_connect();
	if (SPI_execute_with_args(sql.data, 1, types, args, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read table \"%s\"", cp->input_table);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		InputKey	key = {cp->id, 0};
		Datum		values;
		MemoryContext oldcxt;

		key.id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1,
											 &isnull));
		values = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull);
		if (isnull)
			continue;
		oldcxt = MemoryContextSwitchTo(inputs->cxt);
		((InputRow *) hash_search(inputs->rows, &key, HASH_ENTER, NULL))->values =
			PointerGetDatum(PG_DETOAST_DATUM_COPY(values));
		MemoryContextSwitchTo(oldcxt);
	}
	SPI_finish();
	ckpt_user_restore(saved);
}

/*
 * inputs_of_call returns what the query that a function is called in has read.
 */
static Inputs *
inputs_of_call(FmgrInfo *flinfo)
{
	Inputs	   *inputs = (Inputs *) flinfo->fn_extra;
	HASHCTL		ctl = {.keysize = sizeof(InputKey), .entrysize = sizeof(InputRow)};

	if (inputs)
		return inputs;
	inputs = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(Inputs));
	inputs->cxt = ctl.hcxt = flinfo->fn_mcxt;
	inputs->rows = hash_create("checkpoint inputs", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ctl.keysize = ctl.entrysize = sizeof(int64);
	inputs->checkpoints = hash_create("checkpoints", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	flinfo->fn_extra = inputs;
	return inputs;
}

/*
 * _error_input(checkpoint_id, id) returns the values of a row in quarantine; NULL
 * if there is no input table, or not for the current user.
 */
Datum
checkpoint_error_input(PG_FUNCTION_ARGS)
{
	InputKey	key = {PG_GETARG_INT64(0), PG_GETARG_INT64(1)};
	Inputs	   *inputs = inputs_of_call(fcinfo->flinfo);
	InputRow   *row;
	bool		known;

	(void) hash_search(inputs->checkpoints, &key.checkpoint_id, HASH_ENTER, &known);
	/* values that cannot be shown as JSON are no reason not to show the error */
	if (!known && ckpt_catalog_get_checkpoint(key.checkpoint_id, &inputs->cp) &&
		ckpt_role_may_use(inputs->cp.owner))
		(void) ckpt_subxact_try(read_inputs, inputs);
	row = (InputRow *) hash_search(inputs->rows, &key, HASH_FIND, NULL);
	if (row == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(row->values);
}
