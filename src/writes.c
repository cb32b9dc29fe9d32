/*-------------------------------------------------------------------------
 *
 * writes.c
 *	  Notices that a call of the user's function writes.
 *
 * When the calls of a batch are undone, what they wrote is undone with them, so
 * the runner must know whether they wrote anything.  A write to a table of this
 * database takes a transaction id, which the runner sees.  Other writes take
 * none, but are undone likewise: those to a foreign table, and notifications,
 * which wait for the commit.
 *
 * Whatever a function does through the server, it does by a plan, by a utility
 * statement, or by calling a function.  So while calls are being watched, a plan
 * that modifies a table counts as a write, wherever that table is, and so does a
 * utility statement, unless it only has other statements run (which are watched
 * themselves) or changes nothing but the session.  Of the server's functions
 * that write without a plan, all but pg_notify() take a transaction id, or do
 * what is never undone.
 *
 * What a function does behind the server's back, over a connection of its own,
 * is neither seen nor undone.
 *
 * The hooks are chained, and cost a comparison when nothing is watched.
 *
 * IDENTIFICATION
 *	  src/writes.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "distributed.h"
#include "executor/executor.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "writes.h"

static ExecutorStart_hook_type prev_ExecutorStart = NULL;
static ProcessUtility_hook_type prev_ProcessUtility = NULL;
static object_access_hook_type prev_object_access = NULL;

/* Where to note what is seen, or NULL. */
static CkptWrites *watching = NULL;

/*
 * writes_note_plan notes what a plan will write.
 */
static void
writes_note_plan(PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->resultRelations)
	{
		const RangeTblEntry *rte = rt_fetch(lfirst_int(lc), plan->rtable);

		watching->any = true;
		/* which partitions get rows, the plan does not say */
		watching->elsewhere |= rte->relkind == RELKIND_FOREIGN_TABLE ||
			rte->relkind == RELKIND_PARTITIONED_TABLE || ckpt_is_distributed(rte->relid);
	}
	/* Citus has other nodes do it */
	if (plan->resultRelations == NIL && plan->utilityStmt == NULL &&
		(plan->commandType != CMD_SELECT || plan->hasModifyingCTE))
		watching->any = watching->elsewhere = true;
}

/*
 * utility_only_runs_others returns whether a utility statement does nothing but
 * to have other statements run, or to change or show the state of the session.
 */
static bool
utility_only_runs_others(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CallStmt:
		case T_ClosePortalStmt:
		case T_ConstraintsSetStmt:
		case T_DeallocateStmt:
		case T_DeclareCursorStmt:
		case T_DoStmt:
		case T_ExecuteStmt:
		case T_ExplainStmt:
		case T_FetchStmt:
		case T_LoadStmt:
		case T_LockStmt:
		case T_PrepareStmt:
		case T_VariableSetStmt:
		case T_VariableShowStmt:
			return true;
		default:
			return false;
	}
}

static void
writes_ExecutorStart(QueryDesc *qd, int eflags)
{
	if (unlikely(watching != NULL) && (eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		writes_note_plan(qd->plannedstmt);
	if (prev_ExecutorStart)
		prev_ExecutorStart(qd, eflags);
	else
		standard_ExecutorStart(qd, eflags);
}

static void
writes_ProcessUtility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
					  ProcessUtilityContext context, ParamListInfo params,
					  QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	if (unlikely(watching != NULL) && !utility_only_runs_others(pstmt->utilityStmt))
		watching->any = watching->elsewhere = true;
	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context, params, queryEnv,
							dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context, params, queryEnv,
								dest, qc);
}

/*
 * writes_object_access is told of each function of an expression when that is
 * made ready to be evaluated.
 */
static void
writes_object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId,
					 void *arg)
{
	if (unlikely(watching != NULL) && access == OAT_FUNCTION_EXECUTE &&
		objectId == F_PG_NOTIFY)
		watching->any = true;
	if (prev_object_access)
		prev_object_access(access, classId, objectId, subId, arg);
}

/*
 * ckpt_writes_init puts the hooks in place; called by _PG_init.
 */
void
ckpt_writes_init(void)
{
	prev_ExecutorStart = ExecutorStart_hook;
	ExecutorStart_hook = writes_ExecutorStart;
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = writes_ProcessUtility;
	prev_object_access = object_access_hook;
	object_access_hook = writes_object_access;
}

/*
 * ckpt_writes_watch has writes noted from here on, until it is called with
 * NULL, which must happen after an error, too.
 */
void
ckpt_writes_watch(CkptWrites *writes)
{
	watching = writes;
}
