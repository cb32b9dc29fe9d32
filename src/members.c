/*-------------------------------------------------------------------------
 *
 * members.c
 *	  Rows of groups, on their way into the input table of agg and out of it.
 *
 * The server numbers rows by a window function, which copies each of them to a
 * tuplestore, and takes an array apart in a memory context of its own, which is
 * most of the work where groups are small.
 *
 * IDENTIFICATION
 *	  src/members.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "members.h"
#include "nodes/makefuncs.h"
#include "query.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(checkpoint_position);
PG_FUNCTION_INFO_V1(checkpoint_member);

static Node *
internal(void *pointer)
{
	return (Node *) makeConst(INTERNALOID, -1, InvalidOid, sizeof(Datum), PointerGetDatum(pointer),
							  pointer == NULL, true);
}

/*
 * ckpt_members_number has a query count its rows in a column, in whose place stands
 * row_number() over all of them, and no other window function in the query.  It may
 * be run once, as long as CurrentMemoryContext lives.
 *
 * The planner may have each partition of a table call the function by itself, so the
 * count is no one's of them.
 */
void
ckpt_members_number(Query *query, AttrNumber attno)
{
	TargetEntry *tle = list_nth_node(TargetEntry, query->targetList, attno - 1);
	Oid			type = INTERNALOID;

	Assert(IsA(tle->expr, WindowFunc));
	tle->expr = (Expr *) makeFuncExpr(ckpt_query_function("_position", 1, &type), INT8OID,
									  list_make1(internal(palloc0(sizeof(int64)))), InvalidOid,
									  InvalidOid, COERCE_EXPLICIT_CALL);
	query->windowClause = NIL;
	query->hasWindowFuncs = false;
}

/*
 * ckpt_members_unnest has a query take arrays apart by checkpoint_member() where
 * its select list calls unnest().  All of its rows must be asked for.
 */
void
ckpt_members_unnest(Query *query)
{
	Oid			types[2] = {INTERNALOID, ANYARRAYOID};
	Oid			member = ckpt_query_function("_member", 2, types);
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		FuncExpr   *call = (FuncExpr *) lfirst_node(TargetEntry, lc)->expr;

		if (!IsA(call, FuncExpr) || call->funcid != F_UNNEST_ANYARRAY)
			continue;
		call->funcid = member;
		call->args = lcons(internal(NULL), call->args);
	}
}

/*
 * _position(count) returns 1, 2, ... each time that it is called in a query.
 */
Datum
checkpoint_position(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(++*(int64 *) PG_GETARG_POINTER(0));
}

/* The array that is being taken apart. */
typedef struct Members
{
	MemoryContext cxt;			/* has the array, if it had to be copied ... */
	union
	{
		ArrayType	array;
		char		bytes[VARATT_SHORT_MAX + VARHDRSZ];
		int64		align;
	}			small;			/* ... and was not small */
	int			left;			/* elements to come; -1 before the next array */
	char	   *next;
	bits8	   *nulls;			/* NULL if there are none */
	int			bit;
	Oid			type;			/* of the elements */
	int16		length;
	bool		by_value;
	char		align;
} Members;

static void
take_array(Members *members, Datum value)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);
	ArrayType  *array = &members->small.array;

	/* a TOAST pointer passes for a short value, too */
	if (VARATT_IS_SHORT(v) && !VARATT_IS_EXTERNAL(v))
	{
		SET_VARSIZE(array, VARSIZE_SHORT(v) - VARHDRSZ_SHORT + VARHDRSZ);
		memcpy(VARDATA(array), VARDATA_SHORT(v), VARSIZE_SHORT(v) - VARHDRSZ_SHORT);
	}
	else
	{
		MemoryContext oldcxt;

		MemoryContextReset(members->cxt);
		oldcxt = MemoryContextSwitchTo(members->cxt);
		array = DatumGetArrayTypeP(value);
		MemoryContextSwitchTo(oldcxt);
	}
	if (ARR_ELEMTYPE(array) != members->type)
	{
		members->type = ARR_ELEMTYPE(array);
		get_typlenbyvalalign(members->type, &members->length, &members->by_value, &members->align);
	}
	members->left = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	members->next = ARR_DATA_PTR(array);
	members->nulls = ARR_NULLBITMAP(array);
	members->bit = 0;
}

/*
 * _member(NULL, array) returns the elements of an array; instead of one, NULL has none.
 * Whoever begins to ask for them must ask for all.
 */
Datum
checkpoint_member(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Members    *members = (Members *) fcinfo->flinfo->fn_extra;
	Datum		value;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo))
		elog(ERROR, "set-valued function called in context that cannot accept a set");
	if (members == NULL)
	{
		members = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Members));
		members->cxt = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "checkpoint members",
											 ALLOCSET_SMALL_SIZES);
		members->left = -1;
		fcinfo->flinfo->fn_extra = members;
	}
	if (members->left < 0 && !PG_ARGISNULL(1))
		take_array(members, PG_GETARG_DATUM(1));
	if (members->left <= 0)
	{
		members->left = -1;
		rsinfo->isDone = ExprEndResult;
		PG_RETURN_NULL();
	}

	rsinfo->isDone = ExprMultipleResult;
	members->left--;
	if (members->nulls && !(members->nulls[members->bit / 8] & (1 << members->bit % 8)))
	{
		members->bit++;
		PG_RETURN_NULL();
	}
	members->bit++;
	value = fetch_att(members->next, members->by_value, members->length);
	members->next = att_addlength_pointer(members->next, members->length, members->next);
	members->next = (char *) att_align_nominal(members->next, members->align);
	PG_RETURN_DATUM(value);
}
