/*-------------------------------------------------------------------------
 *
 * runner.c
 *	  Calls the user's function on the rows that are left.
 *
 * Work is done in transactions of about checkpoint.commit_interval, and within
 * them in batches.  A batch evaluates the UDF over a few blocks of the input
 * table in a subtransaction that covers the calls and nothing else; results
 * are collected outside of it and written when it has ended.  When a call
 * fails, the subtransaction is rolled back, and if it had written nothing, no
 * result is lost with it.  A UDF that itself writes is evaluated one row to a
 * subtransaction, so that what it wrote is kept for exactly the rows that are
 * kept; the batch in which it is first seen to write, and fails, is run again
 * row by row.
 *
 * Which row is in hand is known from a filter that the scan of the input calls
 * for each row before anything is computed from it: ckpt_claim.  The plan has
 * no node that looks ahead.  The filter also passes over rows that are done,
 * and ends a batch early when its time is up.
 *
 * Rows stand in the input table in the order of their ids.  That is used to
 * find where to start, and not relied upon: if rows are missing after a pass,
 * another one looks everywhere.
 *
 * Interrupts are held except during the calls: a cancel never costs what has
 * been computed.
 *
 * IDENTIFICATION
 *	  src/runner.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <math.h>
#include <time.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "guc.h"
#include "jit/jit.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "query.h"
#include "result_table.h"
#include "rowbuffer.h"
#include "runner.h"
#include "storage/bufmgr.h"
#include "subxact.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* A batch ends when its results have this many bytes. */
#define BATCH_BYTES		(4 * 1024 * 1024)

/* Batches grow from one row, by this factor. */
#define BATCH_GROWTH	16

typedef struct Receiver
{
	DestReceiver pub;
	CkptRunner *runner;
} Receiver;

struct CkptRunner
{
	CkptUdf    *udf;
	CkptCheckpoint *cp;			/* kept up to date with what is written */
	Oid			owner;			/* whom the UDF runs as */
	int			code_no;
	int			worker;
	MemoryContext cxt;			/* lives as long as the runner */
	MemoryContext xact_cxt;		/* a transaction */
	MemoryContext batch_cxt;	/* a batch */

	CkptIdSet  *done;			/* all processed ids */
	CkptIdSet  *mine;			/* those this worker did with this code */
	int64		computed;		/* rows */

	/* where the scan is */
	BlockNumber block;
	bool		positioned;
	bool		second_pass;

	/* batches */
	int			batch_rows;		/* how large the next one may be */
	int			careful_rows;	/* rows to be run one by one */
	bool		writes;			/* the UDF was seen to write */

	/* the transaction at hand */
	Relation	input;
	Relation	output;
	PlannedStmt *plan;
	int64		deadline;		/* ms */

	/* the batch at hand */
	ItemPointerData first_tid;
	ItemPointerData end_tid;
	int			max_rows;
	int64	   *claimed;		/* ids, in the order of evaluation */
	int			nclaimed;
	bool		full;			/* takes no more rows */
	BlockNumber refused_block;	/* of the first row not taken */
	int64		rows_before;	/* in the buffer, when the row in hand was claimed */
	CkptRowSum	sum_before;		/* and their sum */
	CkptRowSum	sum;
	CkptRowBuffer *buffer;
	CkptRowHasher *hasher;
	Receiver	receiver;
	Datum	   *values;			/* a row of the output */
	bool	   *isnull;

	/* the failure that ended it */
	ErrorData  *error;
	int64		error_id;
};

PG_FUNCTION_INFO_V1(checkpoint_claim);

/*
 * now_ms is a cheap clock for deadlines: a few ns a call, some ms exact.
 */
static inline int64
now_ms(void)
{
	struct timespec ts;

#ifdef CLOCK_MONOTONIC_COARSE
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
#else
	clock_gettime(CLOCK_MONOTONIC, &ts);
#endif
	return (int64) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * check_one_row raises unless the row in hand has given exactly one row, as
 * map wants.
 */
static void
check_one_row(CkptRunner *runner)
{
	int64		nrows = ckpt_rowbuffer_count(runner->buffer) - runner->rows_before;

	if (runner->udf->kind == CKPT_MAP && runner->nclaimed > 0 && nrows != 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 nrows == 0 ? errmsg("udf of map returned no row")
				 : errmsg("udf of map returned more than one row"),
				 errhint("Use checkpoint.gen() for functions that return any number of rows.")));
}

/*
 * checkpoint_claim(runner, sys__id, ctid) is the filter on the scan of the
 * input.  True puts the row in hand: the one before it is complete.
 */
Datum
checkpoint_claim(PG_FUNCTION_ARGS)
{
	CkptRunner *runner = (CkptRunner *) PG_GETARG_POINTER(0);
	int64		id = PG_GETARG_INT64(1);

	if (ckpt_idset_contains(runner->done, id))
		PG_RETURN_BOOL(false);

	if (runner->nclaimed > 0)
	{
		if (runner->full)
			PG_RETURN_BOOL(false);

		/* the row before it was the last that could fail */
		check_one_row(runner);
		if (runner->nclaimed >= runner->max_rows ||
			runner->buffer->bytes >= BATCH_BYTES ||
			now_ms() >= runner->deadline)
		{
			runner->full = true;
			runner->refused_block =
				ItemPointerGetBlockNumber((ItemPointer) PG_GETARG_POINTER(2));
			PG_RETURN_BOOL(false);
		}
	}

	if (id < 1 || id > runner->cp->rows_total)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("input table has a row that it was not made with"),
				 errdetail("Its %s is %lld of %lld.", CKPT_ID_COLUMN, (long long) id,
						   (long long) runner->cp->rows_total),
				 errhint("Run the job with fresh => true.")));

	runner->claimed[runner->nclaimed++] = id;
	runner->rows_before = ckpt_rowbuffer_count(runner->buffer);
	runner->sum_before = runner->sum;
	PG_RETURN_BOOL(true);
}

/*
 * receive_row takes a row of the run query: sys__id, for map the input's
 * columns, and the UDF's.
 */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	CkptRunner *runner = ((Receiver *) self)->runner;
	CkptUdf    *udf = runner->udf;
	int			nout = udf->nplain;

	slot_getallattrs(slot);
	memcpy(runner->values, slot->tts_values, nout * sizeof(Datum));
	memcpy(runner->isnull, slot->tts_isnull, nout * sizeof(bool));
	if (udf->kind == CKPT_GEN)
	{
		runner->values[1] = runner->values[0];
		runner->isnull[1] = false;
		runner->values[0] = Int64GetDatum(runner->cp->next_output_id +
										  ckpt_rowbuffer_count(runner->buffer));
		nout = 2;
	}
	ckpt_udf_output_row(udf, slot->tts_values + udf->nplain,
						slot->tts_isnull + udf->nplain,
						runner->values + nout, runner->isnull + nout);

	ckpt_rowhash_add(runner->hasher, &runner->sum, runner->values, runner->isnull);
	ckpt_rowbuffer_add(runner->buffer, runner->values, runner->isnull);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
	CkptUdf    *udf = ((Receiver *) self)->runner->udf;

	if (typeinfo->natts != udf->nplain + udf->ntargets)
		elog(ERROR, "run query has %d columns, expected %d", typeinfo->natts,
			 udf->nplain + udf->ntargets);
}

static void
receiver_shutdown(DestReceiver *self)
{
}

/*
 * ckpt_runner_create prepares to compute what a partial checkpoint lacks, in
 * CurrentMemoryContext, and loads its processed set.
 *
 * udf and cp must live as long as the runner; cp is kept up to date.  owner is
 * the role that the UDF runs as.
 */
CkptRunner *
ckpt_runner_create(CkptUdf *udf, CkptCheckpoint *cp, int code_no, Oid owner)
{
	CkptRunner *runner = palloc0(sizeof(CkptRunner));

	runner->udf = udf;
	runner->cp = cp;
	runner->owner = owner;
	runner->code_no = code_no;
	runner->cxt = CurrentMemoryContext;
	runner->xact_cxt = AllocSetContextCreate(runner->cxt, "checkpoint transaction",
											 ALLOCSET_DEFAULT_SIZES);
	runner->batch_cxt = AllocSetContextCreate(runner->cxt, "checkpoint batch",
											  ALLOCSET_DEFAULT_SIZES);
	runner->done = ckpt_idset_create(cp->rows_total);
	runner->mine = ckpt_idset_create(cp->rows_total);
	ckpt_catalog_load_processed(cp->id, code_no, runner->worker, runner->done,
								runner->mine);
	ckpt_idset_clean(runner->mine);

	runner->batch_rows = 1;
	runner->claimed = palloc(ckpt_batch_rows * sizeof(int64));
	runner->sum = cp->content;
	runner->buffer = ckpt_rowbuffer_create(udf->output_desc);
	runner->hasher = ckpt_rowhash_create(udf->output_desc);
	runner->values = palloc0(udf->output_desc->natts * sizeof(Datum));
	runner->isnull = palloc0(udf->output_desc->natts * sizeof(bool));
	runner->receiver.pub.receiveSlot = receive_row;
	runner->receiver.pub.rStartup = receiver_startup;
	runner->receiver.pub.rShutdown = receiver_shutdown;
	runner->receiver.pub.rDestroy = receiver_shutdown;
	runner->receiver.pub.mydest = DestNone;
	runner->receiver.runner = runner;
	return runner;
}

/*
 * ckpt_runner_computed returns how many input rows were computed so far.
 */
int64
ckpt_runner_computed(const CkptRunner *runner)
{
	return runner->computed;
}

/*
 * ckpt_runner_error returns the error that ended the run, or NULL.  *id is the
 * row that it is about, or 0.
 */
ErrorData *
ckpt_runner_error(const CkptRunner *runner, int64 *id)
{
	*id = runner->error_id;
	return runner->error;
}

/*
 * add_filters adds to the run query what makes it a batch of the run:
 * ctid >= $1 AND ctid < $2 AND checkpoint._claim(<runner>, sys__id, ctid).
 */
static void
add_filters(CkptRunner *runner, Query *query)
{
	Oid			claim_types[3] = {INTERNALOID, INT8OID, TIDOID};
	Oid			claim = LookupFuncName(list_make2(makeString(pstrdup(CKPT_SCHEMA)),
												  makeString(pstrdup("_claim"))),
									   3, claim_types, false);
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
								 list_make3(makeConst(INTERNALOID, -1, InvalidOid,
													  sizeof(Datum), PointerGetDatum(runner),
													  false, true),
											makeVar(1, 1, INT8OID, -1, InvalidOid, 0),
											tid),
								 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
	query->jointree->quals = (Node *) makeBoolExpr(AND_EXPR, quals, -1);
}

/*
 * runner_open opens what a transaction of the run needs.  The UDF is analysed
 * and planned anew, since the one before may have committed long ago.
 */
static void
runner_open(CkptRunner *runner)
{
	Query	   *query;

	runner->input = table_open(ckpt_result_table_lookup(runner->cp->input_table),
							   AccessShareLock);
	runner->output = table_open(ckpt_result_table_lookup(runner->cp->output_table),
								RowExclusiveLock);
	query = ckpt_udf_run_query(runner->udf, runner->cp->input_table);
	add_filters(runner, query);
	runner->plan = ckpt_query_plan(query, runner->udf->text, 0);

	/* a batch is over before compilation would pay */
	runner->plan->jitFlags = PGJIT_NONE;
	runner->deadline = now_ms() + ckpt_commit_interval;
}

/*
 * block_first_id returns the id of the first row in a block of the input, or 0
 * if the block has none.
 */
static int64
block_first_id(Relation rel, BlockNumber block)
{
	Buffer		buffer = ReadBuffer(rel, block);
	Page		page;
	int64		id = 0;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	for (OffsetNumber off = FirstOffsetNumber;
		 off <= PageGetMaxOffsetNumber(page); off++)
	{
		ItemId		item = PageGetItemId(page, off);
		HeapTupleData tuple;
		bool		isnull;

		if (!ItemIdIsNormal(item))
			continue;
		tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple.t_len = ItemIdGetLength(item);
		tuple.t_tableOid = RelationGetRelid(rel);
		ItemPointerSet(&tuple.t_self, block, off);
		id = DatumGetInt64(heap_getattr(&tuple, 1, RelationGetDescr(rel), &isnull));
		break;
	}
	UnlockReleaseBuffer(buffer);
	return id;
}

/*
 * runner_position finds the block of the first row that is not done.
 */
static void
runner_position(CkptRunner *runner)
{
	int64		id = ckpt_idset_next_missing(runner->done, 1);
	BlockNumber lo = 0;
	BlockNumber hi = RelationGetNumberOfBlocks(runner->input);

	/* the last block that does not begin behind the row */
	while (id > 1 && hi - lo > 1)
	{
		BlockNumber mid = lo + (hi - lo) / 2;

		if (block_first_id(runner->input, mid) <= id)
			lo = mid;
		else
			hi = mid;
	}
	runner->block = lo;
	runner->positioned = true;
}

/*
 * run_calls evaluates the UDF over the batch's blocks.  It runs in a
 * subtransaction.
 */
static void
run_calls(void *arg)
{
	CkptRunner *runner = (CkptRunner *) arg;
	ParamListInfo params = makeParamList(2);
	ItemPointer tids[2] = {&runner->first_tid, &runner->end_tid};
	QueryDesc  *qd;
	Oid			save_userid;
	int			save_sec_context;

	for (int i = 0; i < 2; i++)
	{
		params->params[i].value = PointerGetDatum(tids[i]);
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = TIDOID;
	}

	RESUME_INTERRUPTS();
	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	if (save_userid != runner->owner)
		SetUserIdAndSecContext(runner->owner,
							   save_sec_context | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);

	PushActiveSnapshot(GetTransactionSnapshot());
	qd = CreateQueryDesc(runner->plan, runner->udf->text, GetActiveSnapshot(),
						 InvalidSnapshot, &runner->receiver.pub, params, NULL, 0);
	ExecutorStart(qd, 0);
	ckpt_executor_run(qd);
	check_one_row(runner);
	ExecutorFinish(qd);
	ExecutorEnd(qd);
	FreeQueryDesc(qd);
	PopActiveSnapshot();

	SetUserIdAndSecContext(save_userid, save_sec_context);
	HOLD_INTERRUPTS();
}

/*
 * runner_batch evaluates and writes one batch and moves on behind it.
 */
static void
runner_batch(CkptRunner *runner)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(runner->input);
	double		rows_per_block = Max((double) runner->cp->rows_total / Max(nblocks, 1), 0.001);
	BlockNumber want;
	ErrorData  *error;
	bool		wrote;
	MemoryContext oldcxt = MemoryContextSwitchTo(runner->batch_cxt);

	runner->max_rows = runner->writes || runner->careful_rows > 0 ? 1 :
		Min(runner->batch_rows, ckpt_batch_rows);
	want = (BlockNumber) Min(ceil(runner->max_rows / rows_per_block),
							 (double) (nblocks - runner->block));
	ItemPointerSet(&runner->first_tid, runner->block, 0);
	ItemPointerSet(&runner->end_tid, runner->block + Max(want, 1), 0);
	runner->nclaimed = 0;
	runner->full = false;

	error = ckpt_subxact_run(run_calls, runner, runner->cxt, &wrote);

	if (error != NULL)
	{
		/* an error before any row was in hand is about none */
		int64		in_hand = runner->nclaimed > 0 ?
			runner->claimed[runner->nclaimed - 1] : 0;

		if (wrote && runner->nclaimed > 1)
		{
			/* its results went with its writes: run it again, row by row */
			runner->careful_rows = runner->nclaimed;
			runner->writes = true;
			runner->nclaimed = 0;
			runner->sum = runner->cp->content;
			ckpt_rowbuffer_reset(runner->buffer);
			if (error->sqlerrcode != ERRCODE_QUERY_CANCELED)
			{
				FreeErrorData(error);
				MemoryContextSwitchTo(oldcxt);
				MemoryContextReset(runner->batch_cxt);
				return;
			}
		}
		else if (runner->nclaimed > 0)
		{
			runner->nclaimed--;
			runner->sum = runner->sum_before;
			ckpt_rowbuffer_truncate(runner->buffer, runner->rows_before);
		}
		runner->error = error;
		runner->error_id = in_hand;
	}
	else if (wrote)
		runner->writes = true;

	/* results, and the ids that they are of */
	runner->cp->rows_output += ckpt_rowbuffer_count(runner->buffer);
	runner->cp->next_output_id += ckpt_rowbuffer_count(runner->buffer);
	runner->cp->content = runner->sum;
	ckpt_rowbuffer_flush(runner->buffer, runner->output, TABLE_INSERT_SKIP_FSM);
	CommandCounterIncrement();
	for (int i = 0; i < runner->nclaimed; i++)
	{
		if (!ckpt_idset_add(runner->done, runner->claimed[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("input table has two rows with %s %lld", CKPT_ID_COLUMN,
							(long long) runner->claimed[i]),
					 errhint("Run the job with fresh => true.")));
		ckpt_idset_add(runner->mine, runner->claimed[i]);
	}
	runner->computed += runner->nclaimed;
	runner->careful_rows = Max(0, runner->careful_rows - runner->nclaimed);
	if (runner->batch_rows < ckpt_batch_rows)
		runner->batch_rows = Min(runner->batch_rows * BATCH_GROWTH, ckpt_batch_rows);

	if (runner->error == NULL)
		runner->block = runner->full ? runner->refused_block : runner->block + Max(want, 1);

	MemoryContextSwitchTo(oldcxt);
	MemoryContextReset(runner->batch_cxt);
}

/*
 * runner_next_pass is called at the end of the input.  It returns false when
 * everything is done.
 */
static bool
runner_next_pass(CkptRunner *runner)
{
	if (runner->done->count == runner->cp->rows_total)
		return false;
	if (runner->second_pass)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("input table \"%s.%s\" lacks %lld of its rows", CKPT_DATA_SCHEMA,
						runner->cp->input_table,
						(long long) (runner->cp->rows_total - runner->done->count)),
				 errhint("Run the job with fresh => true.")));
	runner->second_pass = true;
	runner->block = 0;
	return true;
}

/*
 * ckpt_runner_transaction does one transaction's worth of work: calls, results
 * and processed set.  The caller commits it.
 *
 * Returns false when no row is left or when a row failed; see
 * ckpt_runner_error().  Must be called in a subtransaction with interrupts
 * held.  If it raises an error, which is never the UDF's, the runner is of no
 * more use.
 */
bool
ckpt_runner_transaction(CkptRunner *runner)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(runner->xact_cxt);
	int64		computed_before = runner->computed;
	bool		more = true;

	PushActiveSnapshot(GetTransactionSnapshot());
	runner_open(runner);
	if (!runner->positioned)
		runner_position(runner);

	do
	{
		if (runner->block >= RelationGetNumberOfBlocks(runner->input))
			more = runner_next_pass(runner);
		else
			runner_batch(runner);
	} while (more && runner->error == NULL && now_ms() < runner->deadline);

	runner->cp->rows_processed = runner->done->count;
	ckpt_catalog_store_processed(runner->cp->id, runner->code_no, runner->worker,
								 runner->mine);
	ckpt_catalog_add_code_rows(runner->cp->id, runner->code_no,
							   runner->computed - computed_before);
	ckpt_catalog_update_checkpoint(runner->cp);

	table_close(runner->output, NoLock);
	table_close(runner->input, NoLock);
	PopActiveSnapshot();
	MemoryContextSwitchTo(oldcxt);
	MemoryContextReset(runner->xact_cxt);
	return more && runner->error == NULL;
}
