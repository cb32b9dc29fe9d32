/*-------------------------------------------------------------------------
 *
 * input_sum.c
 *	  The content hash of a query's rows, where others than this process add it up.
 *
 * The query becomes a sub-select of one that returns the sum of its rows' hashes:
 *
 *	SELECT checkpoint._hash_sum(checkpoint._row_hash(ROW(a, b))) FROM (query) input
 *
 * The server can have its parallel workers add up parts of the sum, and Citus its
 * other nodes, on which the extension must be.  If their planners do not choose to,
 * nothing is gained, and nothing is run.
 *
 * IDENTIFICATION
 *	  src/input_sum.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/pg_type.h"
#include "input_query.h"
#include "input_sum.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "query.h"
#include "query_columns.h"

/* Takes the sum. */
typedef struct SumReceiver
{
	DestReceiver pub;
	CkptRowSum	sum;
} SumReceiver;

static bool
sum_receive(TupleTableSlot *slot, DestReceiver *self)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, 1, &isnull);

	if (!isnull)				/* there are rows */
	{
		bytea	   *state = DatumGetByteaPP(value);

		if (VARSIZE_ANY_EXHDR(state) != sizeof(CkptRowSum))
			elog(ERROR, "sum of hashes has %d bytes", (int) VARSIZE_ANY_EXHDR(state));
		memcpy(&((SumReceiver *) self)->sum, VARDATA_ANY(state), sizeof(CkptRowSum));
	}
	return true;
}

static void
sum_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
sum_shutdown(DestReceiver *self)
{
}

/*
 * sum_query makes the query around a query, and sets *aggregate to the OID of the sum.
 */
static Query *
sum_query(Query *query, Oid *aggregate)
{
	Oid			row_type = RECORDOID;
	Oid			hash_type = UUIDOID;
	FuncExpr   *hash = makeFuncExpr(ckpt_query_function("_row_hash", 1, &row_type), UUIDOID,
									list_make1(ckpt_input_row(query)), InvalidOid, InvalidOid,
									COERCE_EXPLICIT_CALL);

	*aggregate = ckpt_query_function("_hash_sum", 1, &hash_type);
	return ckpt_input_aggregate(query, *aggregate, BYTEAOID, (Expr *) hash);
}

/* A look for the sum in a plan. */
typedef struct FoundSum
{
	Oid			aggregate;
	bool		whole;			/* it is there, and of all rows */
} FoundSum;

static bool
find_sum(Node *node, void *context)
{
	FoundSum   *found = (FoundSum *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Aggref) && ((Aggref *) node)->aggfnoid == found->aggregate)
		found->whole |= ((Aggref *) node)->aggsplit == AGGSPLIT_SIMPLE;
	return expression_tree_walker(node, find_sum, context);
}

/*
 * is_added_here returns whether a plan adds up all rows in this process.
 */
static bool
is_added_here(Plan *plan, Oid aggregate)
{
	FoundSum	found = {aggregate, false};

	for (; plan; plan = outerPlan(plan))
		(void) find_sum((Node *) plan->targetlist, &found);
	return found.whole;
}

/*
 * ckpt_input_sum reads a query's rows, and hashes them as ckpt_input_hash() does, if
 * others than this process can do most of that.  If not, or if the query might return
 * other rows then, it runs nothing and returns false; also if the query calls users'
 * code, which only users_code allows.  Needs an active snapshot; what it returns is in
 * CurrentMemoryContext.
 */
bool
ckpt_input_sum(Query *query, const char *sql, bool users_code, CkptInput *input)
{
	SumReceiver receiver = {.sum = {0}};
	TupleDesc	desc = ckpt_query_result_desc(query);
	Query	   *rewritten = ckpt_query_rewrite(query);	/* views hide much */
	PlannedStmt *plan;
	Oid			aggregate;

	if (desc->natts == 0 || ckpt_input_depends_on_plan(rewritten, users_code, false) ||
		contain_volatile_functions((Node *) rewritten))
		return false;
	plan = ckpt_query_plan(sum_query(query, &aggregate), sql, CURSOR_OPT_PARALLEL_OK);
	if (is_added_here(plan->planTree, aggregate))
		return false;

	receiver.pub.receiveSlot = sum_receive;
	receiver.pub.rStartup = sum_startup;
	receiver.pub.rShutdown = sum_shutdown;
	receiver.pub.rDestroy = sum_shutdown;
	receiver.pub.mydest = DestNone;
	(void) ckpt_query_run_plan(plan, sql, &receiver.pub);
	input->sum = receiver.sum;
	input->hash = ckpt_rowhash_finish(ckpt_rowhash_columns(ckpt_rowhash_create(desc)),
									  &receiver.sum);
	return true;
}
