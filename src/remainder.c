/*-------------------------------------------------------------------------
 *
 * remainder.c
 *	  What a checkpoint has left to do, for SQL: the rows, and the ids.
 *
 * The processed set is read as of the statement's snapshot, as the rows are.
 *
 * IDENTIFICATION
 *	  src/remainder.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "funcapi.h"
#include "idset.h"
#include "job.h"
#include "ledger.h"
#include "miscadmin.h"
#include "remainder.h"
#include "result_table.h"
#include "role.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(checkpoint_remainder);
PG_FUNCTION_INFO_V1(checkpoint_remaining_ids);
PG_FUNCTION_INFO_V1(checkpoint_processed_ids);
PG_FUNCTION_INFO_V1(checkpoint_is_processed);

/*
 * ckpt_remainder_table returns the table with the rows of the input table or view whose
 * row type the first argument of an SQL function has, and its checkpoint, if the user
 * may use both.
 */
Oid
ckpt_remainder_table(FunctionCallInfo fcinfo, const char *function, CkptCheckpoint *cp)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid			relid = OidIsValid(type) ? get_typ_typrelid(type) : InvalidOid;
	AclResult	aclresult;
	Relation	rel;

	if (!OidIsValid(relid) ||
		get_rel_namespace(relid) != get_namespace_oid(CKPT_DATA_SCHEMA, false) ||
		!ckpt_catalog_find_by_input_table(get_rel_name(relid), cp))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument of %s() must be of the row type of an input table", function),
				 errdetail("It is of type %s.", OidIsValid(type) ? format_type_be(type) : "unknown"),
				 errhint("Use NULL::checkpoint_data.<input table>; the views checkpoint.steps and checkpoint.checkpoints have its name.")));
	ckpt_role_check(cp->owner, "checkpoint", cp->id);
	aclresult = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, OBJECT_TABLE, get_rel_name(relid));

	/* its owner may have put something else in its place */
	rel = ckpt_result_table_open(cp->input_table, "input", cp->step, cp->owner, cp->input_columns,
								 AccessShareLock);
	relid = RelationGetRelid(rel);
	table_close(rel, NoLock);
	return relid;
}

/*
 * remainder(NULL::checkpoint_data.<input table>) returns the rows of an input
 * table that are not processed.
 */
Datum
checkpoint_remainder(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CkptCheckpoint cp;
	Oid			relid = ckpt_remainder_table(fcinfo, "remainder", &cp);
	CkptIdSet  *processed;
	Relation	rel;
	TableScanDesc scan;
	TupleTableSlot *slot;

	InitMaterializedSRF(fcinfo, 0);
	processed = ckpt_ledger_processed(&cp);
	if (processed->count == cp.rows_total)
		return (Datum) 0;

	rel = table_open(relid, AccessShareLock);
	slot = table_slot_create(rel, NULL);
	scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		int64		id = DatumGetInt64(slot_getattr(slot, 1, &isnull));

		CHECK_FOR_INTERRUPTS();
		if (!ckpt_idset_contains(processed, id))
			tuplestore_puttupleslot(rsinfo->setResult, slot);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return (Datum) 0;
}

/*
 * remainder_ids returns, one a call, the ids whose being processed is the given
 * one.
 */
static Datum
remainder_ids(FunctionCallInfo fcinfo, bool want)
{
	typedef struct
	{
		CkptIdSet  *set;
		int64		next;
	} IdsState;
	FuncCallContext *funcctx;
	IdsState   *state;

	if (SRF_IS_FIRSTCALL())
	{
		CkptCheckpoint cp;
		MemoryContext oldcxt;

		funcctx = SRF_FIRSTCALL_INIT();
		oldcxt = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		ckpt_job_resolve_checkpoint(PG_GETARG_INT64(0), &cp);
		state = palloc(sizeof(IdsState));
		state->set = ckpt_ledger_processed(&cp);
		state->next = 1;
		funcctx->user_fctx = state;
		MemoryContextSwitchTo(oldcxt);
	}

	funcctx = SRF_PERCALL_SETUP();
	state = (IdsState *) funcctx->user_fctx;
	state->next = want ? ckpt_idset_next_member(state->set, state->next) :
		ckpt_idset_next_missing(state->set, state->next);
	if (state->next > state->set->max_id)
		SRF_RETURN_DONE(funcctx);
	SRF_RETURN_NEXT(funcctx, Int64GetDatum(state->next++));
}

Datum
checkpoint_remaining_ids(PG_FUNCTION_ARGS)
{
	return remainder_ids(fcinfo, false);
}

Datum
checkpoint_processed_ids(PG_FUNCTION_ARGS)
{
	return remainder_ids(fcinfo, true);
}

Datum
checkpoint_is_processed(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(1);
	CkptCheckpoint cp;

	ckpt_job_resolve_checkpoint(PG_GETARG_INT64(0), &cp);
	if (id < 1 || id > cp.rows_total)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("checkpoint %lld has no row %lld", (long long) cp.id, (long long) id),
				 errhint("Its rows are 1 to %lld.", (long long) cp.rows_total)));
	PG_RETURN_BOOL(ckpt_idset_contains(ckpt_ledger_processed(&cp), id));
}
