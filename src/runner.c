/*-------------------------------------------------------------------------
 *
 * runner.c
 *	  Calls the user's function on one batch of rows.
 *
 * A batch evaluates the UDF over a few blocks of the input table in a
 * subtransaction that covers the calls and nothing else; results are collected
 * outside of it and written when it has ended.  When a call
 * fails, the subtransaction is rolled back, and if it had written nothing, no
 * result is lost with it.  A UDF that itself writes (see writes.c) is evaluated
 * one row to a subtransaction, so that what it wrote is kept for exactly the rows
 * that are kept; the batch in which it is first seen to write, and fails, is run
 * again row by row.
 *
 * Which row is being computed is known from a filter that the scan of the input calls
 * for each row before anything is computed from it: checkpoint_claim.  The plan has
 * no node that looks ahead.  The filter also passes over rows that are done,
 * and ends a batch early when its time is up.
 *
 * If a call takes several rows (batch.c), the runner scans the input itself, with
 * the same decisions about each row, and evaluates the UDF once for each call.  A
 * call that fails is repeated with halves of its rows before it counts as an
 * error, which is that of one row.
 *
 * A row that was being computed when a process crashed is computed in a transaction of
 * its own, after what came before it is safe on disk; one that was at two
 * crashes is not touched.
 *
 * Interrupts are held by the caller, and let in during the calls.
 *
 * IDENTIFICATION
 *	  src/runner.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <math.h>

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "agg.h"
#include "asuser.h"
#include "batch.h"
#include "bulkinsert.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "crash_marker.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "freed_memory.h"
#include "guc.h"
#include "hidden.h"
#include "input_row.h"
#include "jit/jit.h"
#include "ledger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "query.h"
#include "result_table.h"
#include "runner.h"
#include "storage/bufmgr.h"
#include "subxact.h"
#include "unit_timer.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "wait.h"
#include "writes.h"

/* A batch ends when its results have this many bytes. */
#define BATCH_BYTES		(512 * 1024)

/* Batches grow from one row, by this factor. */
#define BATCH_GROWTH	16

typedef struct Receiver
{
	DestReceiver pub;
	CkptRunner *runner;
} Receiver;

/* The runner whose calls are being made, or NULL. */
static CkptRunner *current_runner = NULL;

struct CkptRunner
{
	Oid			owner;			/* whom the UDF runs as */
	CkptUdf    *udf;
	char	   *input_columns;
	CkptCheckpoint *cp;
	CkptClaims *claims;
	MemoryContext cxt;			/* lives as long as the runner */
	MemoryContext batch_cxt;	/* a batch */
	MemoryContext row_cxt;		/* a row of the output */

	CkptLedger *ledger;
	const CkptIdSet *closed;	/* not to be called: processed or given up */
	const CkptIdSet *suspects;	/* claimed when a process crashed, or NULL */

	/* where it is: ids lo .. hi are its to compute */
	int64		lo;
	int64		hi;
	bool		in_order;		/* no row of them comes behind a later one */
	BlockNumber block;			/* next to be scanned */

	/* batches */
	int			batch_calls;	/* how many the next one may have */
	int			max_batch_calls;
	int			careful_rows;	/* rows to be run one by one */
	CkptWrites	writes;			/* what the UDF was seen to write */

	/* the transaction at hand */
	Relation	input;
	Relation	output;
	PlannedStmt *plan;
	CkptRunnerXact *xact;

	/* the batch at hand */
	ItemPointerData first_tid;
	ItemPointerData end_tid;
	int64		max_rows;
	int			max_calls;
	int			ncalls;
	int64	   *claimed;		/* ids, in the order of evaluation */
	int			nclaimed;
	int			call_first;		/* index there of the first row of the call at hand */
	ItemPointerData claimed_tid;	/* of that row */
	bool		full;			/* takes no more rows */
	BlockNumber refused_block;	/* of the first row not taken */
	bool		passed_hi;		/* came to a row behind the range */
	int64		rows_before;	/* in the buffer, when the call began */
	CkptRowSum	sum_before;		/* and their sum */
	CkptRowSum	sum;
	CkptBulkInsert *buffer;
	CkptRowHasher *hasher;
	CkptLongHashes *long_hashes;	/* of the input, or NULL */
	CkptBatch  *call;			/* its rows, if it takes several, or NULL */
	TupleTableSlot *input_row;	/* where the scan of the input has its row */
	CkptUser	user;			/* who the session is, apart from the calls */
	Receiver	receiver;
	Datum	   *values;			/* a row of the output */
	bool	   *isnull;
};

PG_FUNCTION_INFO_V1(checkpoint_claim);

/*
 * ckpt_runner_at_hand returns the id of the row that the function is being called for, or
 * 0 if none is; of a call for several rows, that of one of them.
 */
int64
ckpt_runner_at_hand(const CkptCheckpoint **cp, CkptUdf **udf)
{
	if (current_runner == NULL || current_runner->nclaimed == 0)
		return 0;
	*cp = current_runner->cp;
	*udf = current_runner->udf;
	return current_runner->claimed[current_runner->nclaimed - 1];
}

/*
 * refuse_row ends the batch before the row at tid.
 */
static bool
refuse_row(CkptRunner *runner, ItemPointer tid)
{
	runner->full = true;
	runner->refused_block = ItemPointerGetBlockNumber(tid);
	return false;
}

/*
 * may_begin_call returns whether the batch may have one more call.
 */
static inline bool
may_begin_call(const CkptRunner *runner)
{
	return runner->ncalls < runner->max_calls && !ckpt_claims_stopped(runner->claims) &&
		(runner->nclaimed == 0 || (runner->buffer->bytes < BATCH_BYTES &&
								   ckpt_now_ms() < runner->xact->deadline));
}

/*
 * note_results notes that what the batch has so far is not lost with the next call.
 */
static inline void
note_results(CkptRunner *runner)
{
	runner->call_first = runner->nclaimed;
	runner->rows_before = ckpt_bulkinsert_count(runner->buffer);
	runner->sum_before = runner->sum;
}

/*
 * begin_call begins a call for the row at tid, and perhaps more rows.
 */
static inline void
begin_call(CkptRunner *runner, ItemPointer tid, int64 id)
{
	note_results(runner);
	runner->ncalls++;
	runner->claimed_tid = *tid;
	*ckpt_crash_marker = id;
	ckpt_unit_begin();
}

/*
 * claim_row decides whether a row is to be computed now: in a call that it begins,
 * or that has rows already.
 */
static inline bool
claim_row(CkptRunner *runner, ItemPointer tid, int64 id, bool begins)
{
	if (id > runner->hi)
		runner->passed_hi = true;
	if (id < runner->lo || id > runner->hi || runner->full ||
		ckpt_idset_contains(runner->closed, id))
		return false;

	/* the function is not to choose who runs it at the next row */
	if (unlikely(GetUserId() != runner->owner))
		ckpt_user_take_back(&runner->user);

	if (runner->nclaimed >= runner->max_rows || (begins && !may_begin_call(runner)))
		return refuse_row(runner, tid);

	if (unlikely(runner->suspects != NULL) && ckpt_idset_contains(runner->suspects, id))
	{
		/* it has a transaction of its own, and no result waits for it */
		runner->xact->end = true;
		runner->xact->durable = true;	/* the next row may be one, too */
		if (runner->nclaimed > 0 || runner->xact->dirty)
			return refuse_row(runner, tid);
		runner->max_rows = 1;
	}

	if (begins)
		begin_call(runner, tid, id);
	runner->claimed[runner->nclaimed++] = id;
	return true;
}

/*
 * checkpoint_claim(NULL, ctid) is the filter on the scan of the input, which
 * has the row in its slot.  True claims the row.  Its first argument is
 * of a type that keeps SQL from calling it, the other makes it a filter of
 * that scan.
 */
Datum
checkpoint_claim(PG_FUNCTION_ARGS)
{
	HeapTuple	row;
	bool		isnull;

	if (current_runner == NULL)
		elog(ERROR, "no step is running");
	row = ExecFetchSlotHeapTuple(current_runner->input_row, false, NULL);
	PG_RETURN_BOOL(claim_row(current_runner, &row->t_self,
							 DatumGetInt64(heap_getattr(row, 1, current_runner->udf->input_desc,
														&isnull)),
							 true));
}

/*
 * take_columns puts the output columns first .. udf->nplain - 1, which come from the
 * input's row or group claimed last, into the row to be written.
 */
static void
take_columns(CkptRunner *runner, int first)
{
	CkptUdf    *udf = runner->udf;
	TupleTableSlot *row = runner->input_row;
	MemoryContext oldcxt = MemoryContextSwitchTo(runner->row_cxt);

	for (int i = first; i < udf->nplain; i++)
	{
		AttrNumber	attno = udf->kind == CKPT_GEN ? udf->keep[i - first] : i + 1;
		Datum		value = slot_getattr(row, attno, &runner->isnull[i]);

		if (!runner->isnull[i] && TupleDescAttr(udf->output_desc, i)->attlen == -1 &&
			VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
			value = PointerGetDatum(detoast_external_attr((struct varlena *)
														  DatumGetPointer(value)));
		runner->values[i] = value;
	}
	MemoryContextSwitchTo(oldcxt);
}

/*
 * add_result adds a row to the output: what the expressions of the UDF gave.
 * Before them go, for map, the columns of the input's row.
 */
static inline void
add_result(CkptRunner *runner, TupleTableSlot *input_row, Datum *values, bool *isnull)
{
	CkptUdf    *udf = runner->udf;
	HeapTuple	tuple;
	MemoryContext oldcxt;

	/* one input row may give millions of them */
	oldcxt = MemoryContextSwitchTo(runner->row_cxt);
	ckpt_udf_output_row(udf, values, isnull,
						runner->values + udf->nplain, runner->isnull + udf->nplain);
	MemoryContextSwitchTo(oldcxt);

	if (udf->kind == CKPT_MAP)
		tuple = ckpt_bulkinsert_add_longer(runner->buffer, input_row,
										  runner->values, runner->isnull);
	else if (udf->kind == CKPT_AGG)
	{
		take_columns(runner, 0);
		tuple = ckpt_bulkinsert_add(runner->buffer, runner->values, runner->isnull);
	}
	else
	{
		runner->values[0] = Int64GetDatum(0);	/* numbered when written */
		runner->values[1] = Int64GetDatum(runner->claimed[runner->nclaimed - 1]);
		take_columns(runner, 2);
		tuple = ckpt_bulkinsert_add(runner->buffer, runner->values, runner->isnull);
	}
	if (runner->long_hashes)
		ckpt_rowhash_known(runner->hasher, ckpt_long_hashes_of(runner->long_hashes, input_row));
	if (tuple && udf->kind == CKPT_MAP)
		ckpt_rowhash_add_tuple(runner->hasher, &runner->sum, tuple);
	else
		ckpt_rowhash_add_formed(runner->hasher, &runner->sum, tuple, runner->values, runner->isnull);
	MemoryContextReset(runner->row_cxt);
}

/*
 * receive_row takes a row of the run query: results of the call at hand.
 */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	CkptRunner *runner = ((Receiver *) self)->runner;
	int			first;
	int			nrows;

	if (runner->call == NULL)
	{
		slot_getallattrs(slot);
		add_result(runner, runner->input_row, slot->tts_values, slot->tts_isnull);
		return true;
	}
	first = ckpt_batch_receive(runner->call, slot, &nrows);
	for (int i = first; i < first + nrows; i++)
	{
		Datum	   *values;
		bool	   *isnull;
		TupleTableSlot *row = ckpt_batch_row(runner->call, i, &values, &isnull);

		add_result(runner, row, values, isnull);
	}
	return true;
}

/*
 * receiver_startup checks that the run query still gives what the output table
 * was made for: functions can be dropped and made anew while a step runs.
 */
static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
	CkptUdf    *udf = ((Receiver *) self)->runner->udf;

	if (typeinfo->natts != udf->ntargets)
		elog(ERROR, "run query has %d columns, expected %d", typeinfo->natts,
			 udf->ntargets);
	for (int i = 0; i < typeinfo->natts; i++)
	{
		Oid			type = TupleDescAttr(typeinfo, i)->atttypid;
		Oid			expected = udf->targets[i].type;

		if (type != expected)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("type of output column \"%s\" changed while the step ran",
							NameStr(TupleDescAttr(typeinfo, i)->attname)),
					 errdetail("It was %s and is %s.", format_type_be(expected),
							   format_type_be(type)),
					 errhint("Run the job again: the step is computed anew.")));
	}
}

static void
receiver_shutdown(DestReceiver *self)
{
}

/*
 * ckpt_runner_create prepares to compute rows of a partial checkpoint, in
 * CurrentMemoryContext.
 *
 * udf, cp, claims, ledger and long_hashes, which may be NULL, must live as long as the
 * runner.  The number of the process is that as a writer of the ledger.
 */
CkptRunner *
ckpt_runner_create(CkptUdf *udf, CkptCheckpoint *cp, Oid owner, CkptClaims *claims,
				   CkptLedger *ledger, int process, CkptLongHashes *long_hashes)
{
	CkptRunner *runner = palloc0(sizeof(CkptRunner));

	ckpt_freed_memory_keep();
	runner->owner = owner;
	runner->udf = udf;
	runner->input_columns = ckpt_columns_text(udf->input_desc);
	runner->cp = cp;
	runner->claims = claims;
	runner->cxt = CurrentMemoryContext;
	runner->batch_cxt = AllocSetContextCreate(runner->cxt, "checkpoint batch",
											  ALLOCSET_DEFAULT_SIZES);
	runner->row_cxt = AllocSetContextCreate(runner->cxt, "checkpoint row",
											ALLOCSET_DEFAULT_SIZES);
	runner->ledger = ledger;
	runner->closed = ckpt_ledger_closed(ledger);
	runner->suspects = ckpt_ledger_suspects(ledger);

	runner->batch_calls = 1;
	runner->max_batch_calls = Max(1, ckpt_batch_rows / Max(udf->batch, 1));
	runner->claimed = palloc(Max(ckpt_batch_rows, udf->batch) * sizeof(int64));
	if (udf->batch > 0)
		runner->call = ckpt_batch_create(udf);
	runner->buffer = ckpt_bulkinsert_create(udf->output_desc);
	if (udf->kind == CKPT_MAP)
		ckpt_bulkinsert_begin_with(runner->buffer, udf->nplain);
	runner->hasher = ckpt_rowhash_create(udf->output_desc);
	if (long_hashes && udf->kind != CKPT_AGG)
	{
		runner->long_hashes = long_hashes;
		ckpt_long_hashes_origins(runner->hasher, udf);
	}
	runner->values = palloc0(udf->output_desc->natts * sizeof(Datum));
	runner->isnull = palloc0(udf->output_desc->natts * sizeof(bool));
	runner->receiver.pub.receiveSlot = receive_row;
	runner->receiver.pub.rStartup = receiver_startup;
	runner->receiver.pub.rShutdown = receiver_shutdown;
	runner->receiver.pub.rDestroy = receiver_shutdown;
	runner->receiver.pub.mydest = DestNone;
	runner->receiver.runner = runner;
	ckpt_crash_marker_open(cp->id, process);
	return runner;
}

/*
 * add_filters adds to the run query what makes it a batch of the run:
 * ctid >= $1 AND ctid < $2 AND checkpoint._claim(NULL, ctid).
 */
static void
add_filters(CkptRunner *runner, Query *query)
{
	Oid			claim_types[2] = {INTERNALOID, TIDOID};
	Oid			claim = ckpt_query_function("_claim", 2, claim_types);
	Oid			ops[2] = {TIDGreaterEqOperator, TIDLessOperator};
	List	   *quals = NIL;
	Var		   *tid = makeVar(1, SelfItemPointerAttributeNumber, TIDOID, -1,
							  InvalidOid, 0);

	for (int i = 0; i < 2; i++)
	{
		Param	   *param = makeNode(Param);
		OpExpr	   *op;

		param->paramkind = PARAM_EXTERN;
		param->paramid = i + 1;
		param->paramtype = TIDOID;
		param->paramtypmod = -1;
		param->location = -1;
		op = (OpExpr *) make_opclause(ops[i], BOOLOID, false, (Expr *) copyObject(tid),
									  (Expr *) param, InvalidOid, InvalidOid);
		set_opfuncid(op);
		quals = lappend(quals, op);
	}
	quals = lappend(quals,
					makeFuncExpr(claim, BOOLOID,
								 list_make2(makeConst(INTERNALOID, -1, InvalidOid,
													  sizeof(Datum), (Datum) 0,
													  true, true),
											tid),
								 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
	query->jointree->quals = (Node *) makeBoolExpr(AND_EXPR, quals, -1);
}

/*
 * ckpt_runner_open opens what a transaction needs, in CurrentMemoryContext.  The
 * UDF is analysed and planned anew, since the transaction before may have
 * committed long ago.
 *
 * Returns whether its code was replaced since.
 *
 * What the UDF wrote on another server is committed there first.  If the commit
 * here were lost in a crash, the rows would be computed, and written there,
 * again: so it is to be durable.
 */
bool
ckpt_runner_open(CkptRunner *runner, CkptRunnerXact *xact)
{
	CkptUser	saved = ckpt_user_become(runner->owner);
	Query	   *query;
	bool		changed;
	int			nestlevel;

	runner->input = ckpt_result_table_open(runner->cp->input_table, "input",
										   runner->cp->step, runner->owner,
										   runner->input_columns, AccessShareLock);
	runner->output = ckpt_result_table_open(runner->cp->output_table, "output",
											runner->cp->step, runner->owner,
											runner->cp->output_columns, RowExclusiveLock);
	ckpt_hidden_ensure(RelationGetRelid(runner->output));
	query = ckpt_udf_run_query(runner->udf, runner->cp->input_table, &changed);
	if (runner->call == NULL)
		add_filters(runner, query);
	nestlevel = NewGUCNestLevel();
	/* without, each batch would read all of the input */
	(void) set_config_option("enable_tidscan", "on", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (runner->udf->kind == CKPT_AGG)
		ckpt_agg_set_planner();
	runner->plan = ckpt_query_plan(query, runner->udf->text, 0);
	AtEOXact_GUC(false, nestlevel);
	ckpt_user_restore(saved);

	/* a batch is over before compilation would pay */
	runner->plan->jitFlags = PGJIT_NONE;
	runner->xact = xact;
	xact->durable = runner->writes.elsewhere;
	return changed;
}

/*
 * ckpt_runner_close closes what ckpt_runner_open() has opened.
 */
void
ckpt_runner_close(CkptRunner *runner)
{
	table_close(runner->output, NoLock);
	table_close(runner->input, NoLock);
}

/*
 * ckpt_runner_seek has the next batches compute rows of the ids lo .. hi.
 *
 * If first is not 0, rows stand in the order of their ids, and first is the id
 * of the first row that is not done; else they may stand anywhere.
 */
void
ckpt_runner_seek(CkptRunner *runner, int64 lo, int64 hi, int64 first)
{
	runner->lo = lo;
	runner->hi = hi;
	runner->in_order = first != 0;
	runner->block = first > 1 ? ckpt_input_row_block(runner->input, first) : 0;
}

/*
 * ckpt_runner_row_by_row has the next rows computed in batches of their own.
 */
void
ckpt_runner_row_by_row(CkptRunner *runner, int nrows)
{
	runner->careful_rows = nrows;
}

/*
 * check_table raises if a call has altered a table that the step itself uses.
 */
static void
check_table(const CkptRunner *runner, Relation rel, const char *name, const char *columns)
{
	const char *change = ckpt_result_table_change(rel, name, runner->owner, columns);

	if (change)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a function has altered a table of the step that calls it"),
				 errdetail("Table \"%s.%s\": %s.", CKPT_DATA_SCHEMA, name, change),
				 errhint("Leave the tables of a step alone in functions that it calls.")));
}

/*
 * run_scan evaluates the UDF row by row over the batch's blocks.
 */
static void
run_scan(CkptRunner *runner)
{
	ParamListInfo params = makeParamList(2);
	ItemPointer tids[2] = {&runner->first_tid, &runner->end_tid};
	QueryDesc  *qd;

	for (int i = 0; i < 2; i++)
	{
		params->params[i].value = PointerGetDatum(tids[i]);
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = TIDOID;
	}

	qd = CreateQueryDesc(runner->plan, runner->udf->text, GetActiveSnapshot(),
						 InvalidSnapshot, &runner->receiver.pub, params, NULL, 0);
	ExecutorStart(qd, 0);
	runner->input_row = ckpt_input_row_slot(qd->planstate);
	if (runner->input_row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("argument \"udf\" cannot be planned as a scan of the step's input"),
				 errhint("Join other tables in argument \"input\" instead of reading them in sub-selects.")));
	ckpt_executor_run(qd);
	ExecutorFinish(qd);
	ExecutorEnd(qd);
	FreeQueryDesc(qd);
}

/*
 * claim_call claims the rows of a call of several.  Returns whether there may be
 * another one.
 */
static bool
claim_call(CkptRunner *runner, TableScanDesc scan, TupleTableSlot *row)
{
	bool		more = true;

	ckpt_batch_clear(runner->call);
	while (more && !runner->full && !(runner->passed_hi && runner->in_order))
	{
		bool		begins = ckpt_batch_count(runner->call) == 0;
		bool		isnull;

		if (!table_scan_getnextslot_tidrange(scan, ForwardScanDirection, row))
			return false;
		if (!claim_row(runner, &row->tts_tid, DatumGetInt64(slot_getattr(row, 1, &isnull)),
					   begins))
			continue;
		if (begins)
			ckpt_batch_pass(runner->call, &row->tts_tid);
		more = ckpt_batch_add(runner->call, row);
	}
	return !more;
}

/*
 * run_batched evaluates the UDF for several rows a call over the batch's blocks.
 *
 * What the executor finds out before the call, such as a right that was revoked,
 * is about no row.
 */
static void
run_batched(CkptRunner *runner)
{
	TupleTableSlot *row = table_slot_create(runner->input, NULL);
	TableScanDesc scan = table_beginscan_tidrange(runner->input, GetActiveSnapshot(),
												  &runner->first_tid, &runner->end_tid);
	bool		more = true;

	while (more)
	{
		QueryDesc  *qd = CreateQueryDesc(runner->plan, runner->udf->text, GetActiveSnapshot(),
										 InvalidSnapshot, &runner->receiver.pub,
										 makeParamList(runner->udf->input_desc->natts), NULL, 0);

		note_results(runner);
		CHECK_FOR_INTERRUPTS();
		ExecutorStart(qd, 0);
		more = claim_call(runner, scan, row);
		if (ckpt_batch_count(runner->call) > 0)
		{
			ckpt_crash_marker_extend(runner->claimed[runner->nclaimed - 1]);
			ckpt_batch_arguments(runner->call, qd->params);
			ckpt_executor_run(qd);
			ckpt_batch_check_count(runner->call);
		}
		ExecutorFinish(qd);
		ExecutorEnd(qd);
		FreeQueryDesc(qd);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
}

/*
 * run_calls evaluates the UDF over the batch's blocks.  It runs in a
 * subtransaction.
 */
static void
run_calls(void *arg)
{
	CkptRunner *runner = (CkptRunner *) arg;

	current_runner = runner;
	RESUME_INTERRUPTS();
	runner->user = ckpt_user_become(runner->owner);
	ckpt_writes_watch(&runner->writes);

	PushActiveSnapshot(GetTransactionSnapshot());
	if (runner->call)
		run_batched(runner);
	else
		run_scan(runner);
	PopActiveSnapshot();

	ckpt_user_restore(runner->user);
	if (TransactionIdIsValid(GetCurrentTransactionIdIfAny()))
	{
		check_table(runner, runner->input, runner->cp->input_table, runner->input_columns);
		check_table(runner, runner->output, runner->cp->output_table,
					runner->cp->output_columns);
	}
	HOLD_INTERRUPTS();
}

/*
 * give_up_results drops what the batch has computed in the call made last, or in
 * all calls if all is true.
 */
static void
give_up_results(CkptRunner *runner, bool all)
{
	if (all)
	{
		runner->nclaimed = 0;
		runner->sum = (CkptRowSum) {0};
		ckpt_bulkinsert_reset(runner->buffer);
	}
	else if (runner->nclaimed > 0)
	{
		runner->nclaimed = runner->call_first;
		runner->sum = runner->sum_before;
		ckpt_bulkinsert_truncate(runner->buffer, runner->rows_before);
	}
}

/*
 * write_results writes the results of the batch's rows, and notes the rows as
 * processed.
 */
static void
write_results(CkptRunner *runner)
{
	int64		nrows = ckpt_bulkinsert_count(runner->buffer);
	int64		first_id = 0;
	int64		last_id = 0;

	if (runner->udf->kind == CKPT_GEN && nrows > 0)
	{
		first_id = ckpt_claim_output_ids(runner->claims, nrows);
		last_id = first_id + nrows - 1;
	}
	ckpt_bulkinsert_flush(runner->buffer, runner->output, TABLE_INSERT_SKIP_FSM, first_id);
	CommandCounterIncrement();

	for (int i = 0, n; i < runner->nclaimed; i += n)
	{
		int64		first = runner->claimed[i];
		int64		twice;

		for (n = 1; i + n < runner->nclaimed && runner->claimed[i + n] == first + n;)
			n++;
		twice = ckpt_ledger_mark(runner->ledger, first, first + n - 1);
		if (twice != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("input table has two rows with %s %lld", CKPT_ID_COLUMN,
							(long long) twice),
					 errhint("Run the job with fresh => true.")));
	}
	ckpt_ledger_add_output(runner->ledger, &runner->sum, last_id);
	runner->sum = (CkptRowSum) {0};
	runner->careful_rows = Max(0, runner->careful_rows - runner->nclaimed);
	runner->xact->dirty |= runner->nclaimed > 0;
	runner->xact->computed += runner->nclaimed;
}

/*
 * may_repeat returns whether a call that has failed may be made again: not if it
 * was cancelled.
 */
static bool
may_repeat(const ErrorData *error)
{
	return error->sqlerrcode != ERRCODE_QUERY_CANCELED || ckpt_unit_timed_out(error);
}

/*
 * ckpt_runner_describe_row says in words which row an error of the last batch is
 * about.
 */
char *
ckpt_runner_describe_row(CkptRunner *runner, int64 id)
{
	return ckpt_input_row_describe(runner->input, runner->cp->input_table, &runner->claimed_tid, id,
								   runner->owner, runner->udf->kind == CKPT_AGG,
								   runner->udf->nplain);
}

/*
 * ckpt_runner_batch evaluates and writes one batch and moves on behind it.
 * Interrupts are held when called, and let in during the calls.
 *
 * *more is false if the range has no more rows.  Returns the error of the call
 * that has failed, with the row it is about, or 0, in *error_id, or NULL.
 */
ErrorData *
ckpt_runner_batch(CkptRunner *runner, bool *more, int64 *error_id)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(runner->input);
	double		rows_per_block = Max((double) runner->cp->rows_total / Max(nblocks, 1), 0.001);
	BlockNumber want;
	ErrorData  *error;
	int64		in_hand;
	bool		again;			/* the same rows, call by call */
	bool		halved = false; /* the call that has failed */
	bool		wrote;
	MemoryContext oldcxt = MemoryContextSwitchTo(runner->batch_cxt);

	runner->max_calls = runner->writes.any || runner->careful_rows > 0 ? 1 :
		Min(runner->batch_calls, runner->max_batch_calls);
	runner->max_calls = Min(runner->max_calls, runner->xact->call_quota);
	runner->max_rows = Min((int64) runner->max_calls * Max(runner->udf->batch, 1),
						   runner->xact->quota);
	want = (BlockNumber) Min(ceil(runner->max_rows / rows_per_block),
							 (double) (nblocks - runner->block));
	/* a call is not to end where the blocks do */
	want = runner->call ? nblocks - runner->block : Max(want, 1);
	ItemPointerSet(&runner->first_tid, runner->block, 0);
	ItemPointerSet(&runner->end_tid, runner->block + want, 0);
	runner->nclaimed = 0;
	runner->call_first = 0;
	runner->ncalls = 0;
	runner->full = false;
	runner->passed_hi = false;

	ckpt_unit_timer_start(runner->xact->unit_timeout);
	error = ckpt_subxact_run(run_calls, runner, runner->cxt, &wrote);
	ckpt_unit_timer_stop(error);
	ckpt_writes_watch(NULL);
	runner->writes.any |= wrote;
	runner->xact->durable |= runner->writes.elsewhere;
	current_runner = NULL;
	*ckpt_crash_marker = 0;
	runner->xact->called += runner->ncalls;
	in_hand = error && runner->nclaimed == runner->call_first + 1 ?
		runner->claimed[runner->call_first] : 0;
	again = false;
	if (error && runner->writes.any && runner->ncalls > 1)
	{
		/* results went with writes: all of it is run again, call by call */
		runner->careful_rows = runner->nclaimed;
		give_up_results(runner, true);
		again = may_repeat(error);
	}
	else if (error)
	{
		if (runner->nclaimed > runner->call_first)
		{
			runner->block = ItemPointerGetBlockNumber(&runner->claimed_tid);
			halved = runner->call && may_repeat(error) && ckpt_batch_halve(runner->call);
		}
		give_up_results(runner, false);
	}
	if (again || halved)
	{
		FreeErrorData(error);
		error = NULL;
	}

	write_results(runner);
	runner->batch_calls = Min((int64) runner->batch_calls * BATCH_GROWTH,
							  runner->max_batch_calls);

	*error_id = in_hand;
	*more = true;
	if (error || again || halved)
		;
	else if (runner->full)
		runner->block = runner->refused_block;
	else
	{
		runner->block += want;
		*more = runner->block < nblocks && !(runner->passed_hi && runner->in_order);
	}

	MemoryContextSwitchTo(oldcxt);
	MemoryContextReset(runner->batch_cxt);
	return error;
}
