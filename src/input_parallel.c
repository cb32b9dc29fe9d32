/*-------------------------------------------------------------------------
 *
 * input_parallel.c
 *	  A query's rows, numbered, hashed and kept by several processes.
 *
 * The server runs a query in parallel only if the rows need not come together in one
 * process.  So the planner is asked for the plan of
 *
 *	SELECT count(ROW(a, b)) FROM (query) input
 *
 * and if it would count the rows of each process there, behind a Gather, it is a node
 * of ours that takes them instead: it hashes rows, gives them to pagefill.c, and
 * returns the sum of hashes at the end.  All else is as the planner has made it: which
 * processes, how many, who reads what.  If it makes another plan, nothing is run, and
 * the caller reads the rows in one process as ever.
 *
 * Rows that have values in the TOAST table, or need it, can be written by the session
 * only: they are handed on to it, as rows of a Gather are.
 *
 * IDENTIFICATION
 *	  src/input_parallel.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "bulkinsert.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "input_parallel.h"
#include "input_query.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "pagefill.h"
#include "parser/parsetree.h"
#include "pgstat.h"
#include "progress.h"
#include "query.h"
#include "query_columns.h"
#include "storage/dsm.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

/* After so many rows of its own the session looks whether others have some for it. */
#define LOOK_ROWS		4096

/* The node that takes rows, in one process. */
typedef struct TakeState
{
	CustomScanState css;
	Relation	rel;
	dsm_segment *segment;
	CkptPageFillShared *shared;
	CkptPageFill *fill;
	CkptRowHasher *hasher;
	CkptRowSum	sum;
	bytea	   *bytes;			/* room for it */
	ProjectionInfo *columns;	/* of the query; NULL if rows have just these */
	Datum	   *values;			/* a row for rel */
	bool	   *isnull;
	int64		looked;			/* rows when the session last looked at the others */
	bool		done;
} TakeState;

/* Takes what the nodes return. */
typedef struct GatherReceiver
{
	DestReceiver pub;
	Relation	rel;
	CkptPageFillShared *shared;
	CkptPageFill *fill;			/* for rows of the processes, or NULL */
	CkptBulkInsert *buffer;		/* for one such row */
	CkptRowHasher *hasher;
	CkptRowSum	sum;
	MemoryContext cxt;			/* outlives the query */
	MemoryContext row_cxt;
} GatherReceiver;

static Node *take_create(CustomScan *plan);
static void take_begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *take_exec(CustomScanState *node);
static void take_end(CustomScanState *node);
static void take_rescan(CustomScanState *node);

static const CustomScanMethods take_plan_methods = {
	.CustomName = "checkpoint input",
	.CreateCustomScanState = take_create
};

static const CustomExecMethods take_methods = {
	.CustomName = "checkpoint input",
	.BeginCustomScan = take_begin,
	.ExecCustomScan = take_exec,
	.EndCustomScan = take_end,
	.ReScanCustomScan = take_rescan
};

/*
 * ckpt_input_parallel_init lets parallel workers find the node.
 */
void
ckpt_input_parallel_init(void)
{
	RegisterCustomScanMethods(&take_plan_methods);
}

static Node *
take_create(CustomScan *plan)
{
	TakeState  *state = palloc0(sizeof(TakeState));

	NodeSetTag(state, T_CustomScanState);
	state->css.methods = &take_methods;
	return (Node *) state;
}

static void
take_begin(CustomScanState *node, EState *estate, int eflags)
{
	TakeState  *state = (TakeState *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	int			natts;

	outerPlanState(node) = ExecInitNode(outerPlan(plan), estate, eflags);
	state->rel = table_open(linitial_oid(plan->custom_private), RowExclusiveLock);
	natts = RelationGetNumberOfAttributes(state->rel);
	state->values = palloc0(natts * sizeof(Datum));
	state->isnull = palloc0(natts * sizeof(bool));
	state->hasher = ckpt_rowhash_create(RelationGetDescr(state->rel));
	state->bytes = palloc(VARHDRSZ + sizeof(CkptRowSum));
	if (plan->custom_exprs)
	{
		TupleDesc	desc = ExecTypeFromTL(plan->custom_exprs);
		TupleTableSlot *slot = ExecInitExtraTupleSlot(estate, desc, &TTSOpsVirtual);

		state->columns = ExecBuildProjectionInfo(plan->custom_exprs, node->ss.ps.ps_ExprContext,
												 slot, &node->ss.ps, NULL);
	}
}

/*
 * take_start finds what the processes share.
 */
static void
take_start(TakeState *state)
{
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	dsm_handle	handle = lsecond_oid(plan->custom_private);
	dsm_segment *segment = dsm_find_mapping(handle);

	if (segment == NULL)
		segment = state->segment = dsm_attach(handle);
	if (segment == NULL)
		elog(ERROR, "shared memory of a step's input is gone");
	state->shared = dsm_segment_address(segment);
	state->fill = ckpt_pagefill_create(state->rel, state->shared);
}

/*
 * take_row takes a row, or returns false if the session has to.
 */
static bool
take_row(TakeState *state, TupleTableSlot *slot)
{
	int			natts = RelationGetNumberOfAttributes(state->rel);
	HeapTupleData row;

	if (state->columns == NULL && ckpt_pagefill_copy(state->fill, slot, 0, &row))
	{
		ckpt_rowhash_add_tuple(state->hasher, &state->sum, &row);
		return true;
	}
	slot_getallattrs(slot);
	memcpy(state->values + 1, slot->tts_values, (natts - 1) * sizeof(Datum));
	memcpy(state->isnull + 1, slot->tts_isnull, (natts - 1) * sizeof(bool));
	if (!ckpt_pagefill_add(state->fill, state->values, state->isnull, &row))
		return false;
	ckpt_rowhash_add_formed(state->hasher, &state->sum, &row, state->values, state->isnull);
	return true;
}

/*
 * return_sum returns a row of the node with a sum, or with a state that says nothing if
 * sum is NULL.
 */
static TupleTableSlot *
return_sum(TakeState *state, const CkptRowSum *sum)
{
	TupleTableSlot *result = state->css.ss.ss_ScanTupleSlot;
	int			natts = result->tts_tupleDescriptor->natts;

	ExecClearTuple(result);
	memset(result->tts_isnull, true, natts * sizeof(bool));
	if (sum)
		memcpy(VARDATA(state->bytes), sum, sizeof(*sum));
	SET_VARSIZE(state->bytes, VARHDRSZ + (sum ? sizeof(*sum) : 0));
	result->tts_values[0] = PointerGetDatum(state->bytes);
	result->tts_isnull[0] = false;
	return ExecStoreVirtualTuple(result);
}

/*
 * return_row returns a row of the node with the columns of a row that the session is
 * to take.
 */
static TupleTableSlot *
return_row(TakeState *state)
{
	TupleTableSlot *result = state->css.ss.ss_ScanTupleSlot;
	int			natts = result->tts_tupleDescriptor->natts;

	ExecClearTuple(result);
	result->tts_isnull[0] = true;
	memcpy(result->tts_values + 1, state->values + 1, (natts - 1) * sizeof(Datum));
	memcpy(result->tts_isnull + 1, state->isnull + 1, (natts - 1) * sizeof(bool));
	return ExecStoreVirtualTuple(result);
}

/*
 * take_exec takes rows until there are no more, and returns a row with their sum.
 *
 * In the session it returns a row that says nothing from time to time, so that the
 * Gather above it looks whether others have rows for the session.
 */
static TupleTableSlot *
take_exec(CustomScanState *node)
{
	TakeState  *state = (TakeState *) node;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;

	if (state->done)
		return NULL;
	if (state->fill == NULL)
		take_start(state);
	for (;;)
	{
		TupleTableSlot *slot;

		ResetExprContext(econtext);
		slot = ExecProcNode(outerPlanState(node));
		if (TupIsNull(slot))
			break;
		if (state->columns)
		{
			econtext->ecxt_outertuple = slot;
			slot = ExecProject(state->columns);
		}
		if (!take_row(state, slot))
			return return_row(state);
		if (!IsParallelWorker() && state->sum.rows - state->looked >= LOOK_ROWS)
		{
			state->looked = state->sum.rows;
			ckpt_progress_rows((int64) pg_atomic_read_u64(&state->shared->rows));
			return return_sum(state, NULL);
		}
	}
	ckpt_pagefill_flush(state->fill);
	state->done = true;
	return return_sum(state, &state->sum);
}

static void
take_end(CustomScanState *node)
{
	TakeState  *state = (TakeState *) node;

	ExecEndNode(outerPlanState(node));
	if (state->rel)
		table_close(state->rel, NoLock);
	if (state->segment)
		dsm_detach(state->segment);
}

static void
take_rescan(CustomScanState *node)
{
	elog(ERROR, "a step's input cannot be read twice");
}

/*
 * receive_long takes a row that no other process could write.
 */
static void
receive_long(GatherReceiver *receiver, TupleTableSlot *slot)
{
	TupleDesc	desc = RelationGetDescr(receiver->rel);
	MemoryContext oldcxt = MemoryContextSwitchTo(receiver->cxt);
	Datum	   *values;
	bool	   *isnull;
	HeapTuple	row;

	if (receiver->fill == NULL)
	{
		receiver->fill = ckpt_pagefill_create(receiver->rel, receiver->shared);
		receiver->buffer = ckpt_bulkinsert_create(desc);
		receiver->hasher = ckpt_rowhash_create(desc);
	}
	MemoryContextSwitchTo(receiver->row_cxt);
	values = palloc(desc->natts * sizeof(Datum));
	isnull = palloc(desc->natts * sizeof(bool));
	memcpy(values, slot->tts_values, desc->natts * sizeof(Datum));
	memcpy(isnull, slot->tts_isnull, desc->natts * sizeof(bool));
	values[0] = Int64GetDatum(0);
	isnull[0] = false;
	row = ckpt_bulkinsert_add(receiver->buffer, values, isnull);
	ckpt_rowhash_add_formed(receiver->hasher, &receiver->sum, row, values, isnull);
	row = heap_toast_insert_or_update(receiver->rel, row, NULL,
									  HEAP_INSERT_SKIP_FSM | HEAP_INSERT_FROZEN);
	ckpt_pagefill_add_tuple(receiver->fill, row);
	ckpt_bulkinsert_reset(receiver->buffer);
	MemoryContextSwitchTo(oldcxt);
	MemoryContextReset(receiver->row_cxt);
}

static bool
gather_receive(TupleTableSlot *slot, DestReceiver *self)
{
	GatherReceiver *receiver = (GatherReceiver *) self;

	slot_getallattrs(slot);
	if (slot->tts_isnull[0])
		receive_long(receiver, slot);
	else
	{
		bytea	   *state = DatumGetByteaPP(slot->tts_values[0]);
		CkptRowSum	sum;

		if (VARSIZE_ANY_EXHDR(state) == sizeof(sum))
		{
			memcpy(&sum, VARDATA_ANY(state), sizeof(sum));
			ckpt_rowhash_merge(&receiver->sum, &sum);
		}
	}
	return true;
}

static void
gather_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
gather_shutdown(DestReceiver *self)
{
}

/*
 * row_of returns the columns in a plan's count(ROW(...)), or NULL.
 */
static RowExpr *
row_of(Plan *plan)
{
	Aggref	   *aggref;
	Node	   *row;

	if (list_length(plan->targetlist) != 1)
		return NULL;
	aggref = (Aggref *) linitial_node(TargetEntry, plan->targetlist)->expr;
	if (!IsA(aggref, Aggref) || list_length(aggref->args) != 1)
		return NULL;
	row = (Node *) linitial_node(TargetEntry, aggref->args)->expr;
	return IsA(row, RowExpr) ? (RowExpr *) row : NULL;
}

static bool
is_plain_agg(Plan *plan)
{
	return plan && IsA(plan, Agg) && ((Agg *) plan)->aggstrategy == AGG_PLAIN && plan->qual == NIL;
}

/*
 * are_columns returns whether expressions are just the columns of rows of a plan.
 */
static bool
are_columns(List *exprs, Plan *plan)
{
	ListCell   *lc;

	if (list_length(exprs) != list_length(plan->targetlist))
		return false;
	foreach(lc, exprs)
	{
		Var		   *var = (Var *) lfirst_node(TargetEntry, lc)->expr;

		if (!IsA(var, Var) || var->varno != OUTER_VAR ||
			var->varattno != foreach_current_index(lc) + 1)
			return false;
	}
	return true;
}

/*
 * put_node puts the node into a plan and returns it, or NULL if the plan has no place
 * for it.
 */
static CustomScan *
put_node(PlannedStmt *stmt, Relation rel, int nprocesses)
{
	Plan	   *whole = stmt->planTree;
	Gather	   *gather = (Gather *) outerPlan(whole);
	Plan	   *part;
	RowExpr    *row;
	CustomScan *take;
	ListCell   *lc;
	List	   *exprs = NIL;
	TupleDesc	desc = RelationGetDescr(rel);

	if (!is_plain_agg(whole) || gather == NULL || !IsA(gather, Gather) || gather->single_copy ||
		!is_plain_agg(part = outerPlan(gather)) || (row = row_of(part)) == NULL ||
		part->initPlan || gather->plan.qual || list_length(row->args) != desc->natts - 1)
		return NULL;
	foreach(lc, row->args)
	{
		if (exprType((Node *) lfirst(lc)) != TupleDescAttr(desc, foreach_current_index(lc) + 1)->atttypid)
			return NULL;
		exprs = lappend(exprs, makeTargetEntry((Expr *) lfirst(lc), foreach_current_index(lc) + 1,
											   NULL, false));
	}

	take = makeNode(CustomScan);
	take->scan.plan = *part;
	take->scan.plan.type = T_CustomScan;
	take->scan.plan.targetlist = NIL;
	take->methods = &take_plan_methods;
	gather->plan.targetlist = NIL;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		/* in the place of the number is the state */
		Oid			type = i == 0 ? BYTEAOID : att->atttypid;
		int32		typmod = i == 0 ? -1 : att->atttypmod;
		Oid			collation = i == 0 ? InvalidOid : att->attcollation;

		take->custom_scan_tlist =
			lappend(take->custom_scan_tlist,
					makeTargetEntry((Expr *) makeNullConst(type, typmod, collation), i + 1,
									pstrdup(NameStr(att->attname)), false));
		take->scan.plan.targetlist =
			lappend(take->scan.plan.targetlist,
					makeTargetEntry((Expr *) makeVar(INDEX_VAR, i + 1, type, typmod, collation, 0),
									i + 1, pstrdup(NameStr(att->attname)), false));
		gather->plan.targetlist =
			lappend(gather->plan.targetlist,
					makeTargetEntry((Expr *) makeVar(OUTER_VAR, i + 1, type, typmod, collation, 0),
									i + 1, pstrdup(NameStr(att->attname)), false));
	}
	if (!are_columns(exprs, outerPlan(part)))
		take->custom_exprs = exprs;
	outerPlan(gather) = (Plan *) take;
	gather->num_workers = Min(gather->num_workers, nprocesses - 1);
	gather->plan.initPlan = list_concat(gather->plan.initPlan, whole->initPlan);
	gather->plan.extParam = bms_union(gather->plan.extParam, whole->extParam);
	gather->plan.allParam = bms_union(gather->plan.allParam, whole->allParam);
	stmt->planTree = (Plan *) gather;
	return take;
}

/*
 * are_long returns whether values of any table that a plan reads are in its TOAST table
 * rather than in its rows: the session would have to write them all.
 */
static bool
are_long(List *rtable)
{
	bool		result = false;
	ListCell   *lc;

	foreach(lc, rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		Relation	rel;

		if (rte->rtekind != RTE_RELATION ||
			(rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_MATVIEW))
			continue;
		rel = table_open(rte->relid, NoLock);	/* locked by the planner */
		if (OidIsValid(rel->rd_rel->reltoastrelid))
		{
			Relation	toast = table_open(rel->rd_rel->reltoastrelid, AccessShareLock);

			result |= RelationGetNumberOfBlocks(toast) > RelationGetNumberOfBlocks(rel);
			table_close(toast, AccessShareLock);
		}
		table_close(rel, NoLock);
	}
	return result;
}

/*
 * is_tables_column returns whether a column of a query is that of a table, maybe by way of
 * views or sub-selects, and nothing is computed for it.
 */
static bool
is_tables_column(Query *query, TargetEntry *tle)
{
	Var		   *var = (Var *) tle->expr;
	RangeTblEntry *rte;

	if (!IsA(var, Var) || var->varlevelsup > 0 || query->setOperations)
		return false;
	rte = rt_fetch(var->varno, query->rtable);
	if (rte->rtekind == RTE_SUBQUERY && var->varattno > 0)
		return is_tables_column(rte->subquery,
								get_tle_by_resno(rte->subquery->targetList, var->varattno));
	return rte->rtekind == RTE_RELATION;
}

/*
 * leaves_out_code returns whether columns that are not kept are more than a table's: what
 * they are computed with is run where one process reads, and would not be.
 */
static bool
leaves_out_code(Query *rewritten)
{
	ListCell   *lc;

	foreach(lc, rewritten->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && ckpt_is_system_column(tle->resname) &&
			!is_tables_column(rewritten, tle))
			return true;
	}
	return false;
}

/*
 * ckpt_input_parallel reads a query's rows, numbers them from 1, writes them to a table
 * and hashes them, in up to so many processes, this one included.  If the planner makes
 * no plan for several, or if the order of rows may be one that the query asks for, it
 * runs nothing and returns false.
 *
 * The table is new in this subtransaction; see ckpt_input_materialize().
 */
bool
ckpt_input_parallel(Query *query, const char *sql, Relation rel, int nprocesses, CkptRowSum *sum)
{
	Query	   *rewritten;
	PlannedStmt *plan;
	CustomScan *take;
	dsm_segment *segment;
	GatherReceiver receiver = {.rel = rel,.sum = {0}};

	if (nprocesses < 2 || max_parallel_workers_per_gather == 0 || IsolationIsSerializable() ||
		!ckpt_pagefill_can(rel) || RelationGetNumberOfAttributes(rel) < 2)
		return false;
	rewritten = ckpt_query_rewrite(query);	/* views hide much */
	if (leaves_out_code(rewritten) ||
		ckpt_input_depends_on_plan(rewritten, true, true) ||
		contain_volatile_functions((Node *) rewritten))
		return false;
	plan = ckpt_query_plan(ckpt_input_aggregate(query, F_COUNT_ANY, INT8OID,
												(Expr *) ckpt_input_row(query)),
						   sql, CURSOR_OPT_PARALLEL_OK);
	take = put_node(plan, rel, nprocesses);
	if (take == NULL || are_long(plan->rtable))
		return false;
	segment = dsm_create(sizeof(CkptPageFillShared), DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (segment == NULL)
		return false;
	take->custom_private = list_make2_oid(RelationGetRelid(rel), dsm_segment_handle(segment));
	plan->queryId = query->queryId; /* for those who watch statements */
	plan->stmt_location = query->stmt_location;
	plan->stmt_len = query->stmt_len;

	/*
	 * Other processes cannot draw a transaction id.  That a command has written is not
	 * said before its end: functions of the query could begin none any more.  Frozen
	 * rows are seen without.
	 */
	(void) GetCurrentTransactionId();
	receiver.shared = dsm_segment_address(segment);
	pg_atomic_init_u64(&receiver.shared->rows, 0);
	receiver.pub.receiveSlot = gather_receive;
	receiver.pub.rStartup = gather_startup;
	receiver.pub.rShutdown = gather_shutdown;
	receiver.pub.rDestroy = gather_shutdown;
	receiver.pub.mydest = DestNone;
	receiver.cxt = CurrentMemoryContext;
	receiver.row_cxt = AllocSetContextCreate(CurrentMemoryContext, "checkpoint long row",
											 ALLOCSET_DEFAULT_SIZES);
	(void) ckpt_query_run_plan(plan, sql, &receiver.pub);
	if (receiver.fill)
		ckpt_pagefill_flush(receiver.fill);
	if (receiver.sum.rows != (int64) pg_atomic_read_u64(&receiver.shared->rows))
		elog(ERROR, "a step's input has %lld rows, and %lld were written",
			 (long long) receiver.sum.rows,
			 (long long) pg_atomic_read_u64(&receiver.shared->rows));
	dsm_detach(segment);
	pgstat_count_heap_insert(rel, receiver.sum.rows);
	*sum = receiver.sum;
	return true;
}
