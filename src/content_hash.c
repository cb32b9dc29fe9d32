/*-------------------------------------------------------------------------
 *
 * content_hash.c
 *	  Hashes of rows, for SQL: the aggregate content_hash, and the sum of hashes that
 *	  have been computed.
 *
 * content_hash takes rows of any type, so its state is one of this process.  Citus
 * sends an aggregate to its workers if its state has a type, and then refuses one
 * whose arguments have not exactly the declared types: that of content_hash must not
 * have one.  The sum takes one type, has one as its state, and can be computed
 * anywhere.
 *
 * IDENTIFICATION
 *	  src/content_hash.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "rowhash.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(checkpoint_content_hash_trans);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_columns_trans);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_value_trans);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_combine);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_serial);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_deserial);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_final);
PG_FUNCTION_INFO_V1(checkpoint_hash_sum_trans);
PG_FUNCTION_INFO_V1(checkpoint_hash_sum_combine);

/* What is kept with a call begins with this. */
typedef struct AnyHasher
{
	bool		of_rows;		/* a RecordHasher, or else a ColumnsHasher */
} AnyHasher;

/*
 * What is needed to hash values of one row type.  Those that were met make a
 * list, the last one first.
 */
typedef struct RecordHasher
{
	AnyHasher	any;
	struct RecordHasher *next;
	Oid			typid;
	int32		typmod;
	CkptRowHasher *hasher;
	const char *columns;
} RecordHasher;

/* The same for rows whose columns are the aggregate's arguments. */
typedef struct ColumnsHasher
{
	AnyHasher	any;
	CkptRowHasher *hasher;
	const char *columns;
	int			natts;
	Datum	   *values;
	bool	   *isnull;
} ColumnsHasher;

/* The sum of the rows that have the same columns. */
typedef struct ColumnsSum
{
	struct ColumnsSum *next;
	const void *last_hasher;	/* that added to it */
	char	   *columns;
	CkptRowSum	sum;
} ColumnsSum;

/*
 * The state of the aggregate.  Rows of one aggregate have the same columns,
 * unless they are records of several types.
 */
typedef struct ContentHash
{
	ColumnsSum *sums;			/* the last one used first; NULL before the first row */
} ContentHash;

/*
 * is_of_type returns whether a hasher is for records of that record's type.
 */
static inline bool
is_of_type(const RecordHasher *rh, HeapTupleHeader header)
{
	return rh && rh->typid == HeapTupleHeaderGetTypeId(header) &&
		rh->typmod == HeapTupleHeaderGetTypMod(header);
}

/*
 * record_hasher returns the hasher for records of a type.  It is kept with the
 * call.
 */
static RecordHasher *
record_hasher(FunctionCallInfo fcinfo, Oid typid, int32 typmod)
{
	RecordHasher *first = (RecordHasher *) fcinfo->flinfo->fn_extra;
	RecordHasher **link = &first;
	RecordHasher *rh;

	while (*link && ((*link)->typid != typid || (*link)->typmod != typmod))
		link = &(*link)->next;
	rh = *link;
	if (rh == NULL)
	{
		MemoryContext oldcxt = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		rh = palloc(sizeof(RecordHasher));
		rh->any.of_rows = true;
		rh->typid = typid;
		rh->typmod = typmod;
		rh->hasher = ckpt_rowhash_create(lookup_rowtype_tupdesc_copy(typid, typmod));
		rh->columns = ckpt_rowhash_columns(rh->hasher);
		MemoryContextSwitchTo(oldcxt);
	}
	else
		*link = rh->next;
	rh->next = first;
	fcinfo->flinfo->fn_extra = rh;
	return rh;
}

static ContentHash *
new_state(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;

	if (!AggCheckCallContext(fcinfo, &cxt))
		elog(ERROR, "aggregate function called in non-aggregate context");
	return MemoryContextAllocZero(cxt, sizeof(ContentHash));
}

/*
 * find_sum returns the sum of the rows with the given columns, and puts it
 * first.
 */
static ColumnsSum *
find_sum(ContentHash *state, const char *columns)
{
	ColumnsSum **link = &state->sums;
	ColumnsSum *sum;

	while (*link && strcmp((*link)->columns, columns) != 0)
		link = &(*link)->next;
	sum = *link;
	if (sum == NULL)
	{
		MemoryContext cxt = GetMemoryChunkContext(state);

		sum = MemoryContextAllocZero(cxt, sizeof(ColumnsSum));
		sum->columns = MemoryContextStrdup(cxt, columns);
	}
	else
		*link = sum->next;
	sum->next = state->sums;
	state->sums = sum;
	return sum;
}

/*
 * sum_for returns the sum that a hasher adds its rows to.
 */
static inline CkptRowSum *
sum_for(ContentHash *state, const void *hasher, const char *columns)
{
	ColumnsSum *sum = state->sums;

	if (unlikely(sum == NULL || sum->last_hasher != hasher))
	{
		sum = find_sum(state, columns);
		sum->last_hasher = hasher;
	}
	return &sum->sum;
}

Datum
checkpoint_content_hash_trans(PG_FUNCTION_ARGS)
{
	ContentHash *state = PG_ARGISNULL(0) ? new_state(fcinfo) :
		(ContentHash *) PG_GETARG_POINTER(0);
	RecordHasher *rh = (RecordHasher *) fcinfo->flinfo->fn_extra;
	HeapTupleHeader header;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument of content_hash must not be null"),
				 errhint("Hash rows, such as content_hash(t) or content_hash(ROW(a, b)).")));
	header = PG_GETARG_HEAPTUPLEHEADER(1);
	if (!is_of_type(rh, header))
		rh = record_hasher(fcinfo, HeapTupleHeaderGetTypeId(header),
						   HeapTupleHeaderGetTypMod(header));
	ckpt_rowhash_add_record(rh->hasher, sum_for(state, rh, rh->columns), header);
	PG_RETURN_POINTER(state);
}

/*
 * add_another_row adds a row as the one before it was added, and returns whether it
 * can be: this is what is done for nearly all rows.
 */
static inline bool
add_another_row(FunctionCallInfo fcinfo)
{
	RecordHasher *rh = (RecordHasher *) fcinfo->flinfo->fn_extra;
	ContentHash *state = (ContentHash *) PG_GETARG_POINTER(0);
	HeapTupleHeader header = (HeapTupleHeader) PG_GETARG_POINTER(1);

	if (unlikely(rh == NULL || !rh->any.of_rows || PG_ARGISNULL(0) || PG_ARGISNULL(1) ||
				 VARATT_IS_EXTENDED(header) || !is_of_type(rh, header) ||
				 state->sums == NULL || state->sums->last_hasher != rh))
		return false;
	ckpt_rowhash_add_record(rh->hasher, &state->sums->sum, header);
	return true;
}

/*
 * transition_function returns the transition function of an aggregate, or
 * InvalidOid for other functions.
 */
static Oid
transition_function(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(funcid));
	Oid			result = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggtransfn;
		ReleaseSysCache(tuple);
	}
	return result;
}

/*
 * same_columns returns whether two lists of expressions give columns that are
 * the same in all details, or in their types if only those are asked for.
 */
static bool
same_columns(List *a, List *b, bool types_only)
{
	ListCell   *la;
	ListCell   *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth(la, a, lb, b)
	{
		Node	   *x = (Node *) lfirst(la);
		Node	   *y = (Node *) lfirst(lb);

		if (exprType(x) != exprType(y) ||
			(!types_only && (exprTypmod(x) != exprTypmod(y) ||
							 exprCollation(x) != exprCollation(y))))
			return false;
	}
	return true;
}

/*
 * window_arguments returns the arguments of the call as a window function.  The
 * server does not say which of a window's calls this one is; those that it may
 * be must have the same columns.
 */
static List *
window_arguments(FunctionCallInfo fcinfo, List *params)
{
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, ((WindowAggState *) fcinfo->context)->funcs)
	{
		WindowFunc *call = lfirst_node(WindowFuncExprState, lc)->wfunc;

		if (!same_columns(call->args, params, true) ||
			transition_function(call->winfnoid) != fcinfo->flinfo->fn_oid)
			continue;
		if (found != NIL && !same_columns(call->args, found, false))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("calls of content_hash over one window cannot differ in type modifiers or collations only"),
					 errhint("Hash rows instead, such as content_hash(ROW(a, b)) OVER (...).")));
		found = call->args;
	}
	if (found == NIL)
		elog(ERROR, "call of content_hash is not among those of its window");
	return found;
}

/*
 * call_arguments returns expressions for the arguments of an aggregate's call,
 * less its state.
 */
static List *
call_arguments(FunctionCallInfo fcinfo)
{
	Aggref	   *aggref = AggGetAggref(fcinfo);
	List	   *params = NIL;
	ListCell   *lc;

	if (aggref)
	{
		foreach(lc, aggref->args)
			params = lappend(params, lfirst_node(TargetEntry, lc)->expr);
		return list_truncate(params, PG_NARGS() - 1);	/* less those of ORDER BY */
	}
	/* the server made this expression for the call: parameters with types only */
	params = list_copy_tail(castNode(FuncExpr, fcinfo->flinfo->fn_expr)->args, 1);
	return window_arguments(fcinfo, params);
}

/*
 * columns_hasher makes what is needed to hash the arguments of an aggregate as
 * ROW() of them would be hashed.
 */
static ColumnsHasher *
columns_hasher(FunctionCallInfo fcinfo)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	ColumnsHasher *ch = palloc(sizeof(ColumnsHasher));
	List	   *args = call_arguments(fcinfo);
	TupleDesc	desc;

	ch->any.of_rows = false;
	ch->natts = list_length(args);
	desc = CreateTemplateTupleDesc(ch->natts);
	for (int i = 0; i < ch->natts; i++)
	{
		Node	   *arg = (Node *) list_nth(args, i);

		TupleDescInitEntry(desc, i + 1, psprintf("f%d", i + 1), exprType(arg),
						   exprTypmod(arg), 0);
		TupleDescInitEntryCollation(desc, i + 1, exprCollation(arg));
	}
	ch->hasher = ckpt_rowhash_create(desc);
	ch->columns = ckpt_rowhash_columns(ch->hasher);
	ch->values = palloc(ch->natts * sizeof(Datum));
	ch->isnull = palloc(ch->natts * sizeof(bool));
	MemoryContextSwitchTo(oldcxt);
	return ch;
}

/*
 * content_hash(a, b, ...) is content_hash(ROW(a, b, ...)) without the record.
 */
Datum
checkpoint_content_hash_columns_trans(PG_FUNCTION_ARGS)
{
	ContentHash *state = PG_ARGISNULL(0) ? new_state(fcinfo) :
		(ContentHash *) PG_GETARG_POINTER(0);
	ColumnsHasher *ch = (ColumnsHasher *) fcinfo->flinfo->fn_extra;

	if (unlikely(ch == NULL))
		fcinfo->flinfo->fn_extra = ch = columns_hasher(fcinfo);
	for (int i = 0; i < ch->natts; i++)
	{
		ch->values[i] = fcinfo->args[i + 1].value;
		ch->isnull[i] = fcinfo->args[i + 1].isnull;
	}
	ckpt_rowhash_add(ch->hasher, sum_for(state, ch, ch->columns), ch->values, ch->isnull);
	PG_RETURN_POINTER(state);
}

static pg_noinline Datum
add_first_value(FunctionCallInfo fcinfo)
{
	const AnyHasher *hasher = (const AnyHasher *) fcinfo->flinfo->fn_extra;
	bool		of_rows = hasher ? hasher->of_rows :
		type_is_rowtype(get_fn_expr_argtype(fcinfo->flinfo, 1));

	return of_rows ? checkpoint_content_hash_trans(fcinfo) :
		checkpoint_content_hash_columns_trans(fcinfo);
}

/*
 * content_hash(x) hashes rows if x is one, also if its type is a domain over row
 * types; else it is content_hash(ROW(x)).
 */
Datum
checkpoint_content_hash_value_trans(PG_FUNCTION_ARGS)
{
	return add_another_row(fcinfo) ? PG_GETARG_DATUM(0) : add_first_value(fcinfo);
}

Datum
checkpoint_content_hash_combine(PG_FUNCTION_ARGS)
{
	ContentHash *state = PG_ARGISNULL(0) ? new_state(fcinfo) :
		(ContentHash *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		ContentHash *other = (ContentHash *) PG_GETARG_POINTER(1);

		for (ColumnsSum *sum = other->sums; sum; sum = sum->next)
			ckpt_rowhash_merge(&find_sum(state, sum->columns)->sum, &sum->sum);
	}
	PG_RETURN_POINTER(state);
}

/*
 * Between processes, a state is its sums one after the other: a sum, and the
 * columns as a string.
 */
Datum
checkpoint_content_hash_serial(PG_FUNCTION_ARGS)
{
	ContentHash *state = (ContentHash *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoSpaces(&buf, VARHDRSZ);
	for (ColumnsSum *sum = state->sums; sum; sum = sum->next)
	{
		appendBinaryStringInfo(&buf, (char *) &sum->sum, sizeof(CkptRowSum));
		appendBinaryStringInfo(&buf, sum->columns, (int) strlen(sum->columns) + 1);
	}
	SET_VARSIZE(buf.data, buf.len);
	PG_RETURN_BYTEA_P((bytea *) buf.data);
}

Datum
checkpoint_content_hash_deserial(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	const char *p = VARDATA_ANY(bytes);
	const char *end = p + VARSIZE_ANY_EXHDR(bytes);
	ContentHash *state = palloc0(sizeof(ContentHash));

	while (p < end)
	{
		CkptRowSum *sum = &find_sum(state, p + sizeof(CkptRowSum))->sum;

		memcpy(sum, p, sizeof(CkptRowSum));
		p += sizeof(CkptRowSum);
		p += strlen(p) + 1;
	}
	PG_RETURN_POINTER(state);
}

static int
compare_columns(const ListCell *a, const ListCell *b)
{
	return strcmp(((ColumnsSum *) lfirst(a))->columns, ((ColumnsSum *) lfirst(b))->columns);
}

/*
 * mixed_hash returns the hash of rows that have not all the same columns.
 */
static char *
mixed_hash(ContentHash *state)
{
	List	   *sums = NIL;
	StringInfoData buf;
	ListCell   *lc;

	for (ColumnsSum *sum = state->sums; sum; sum = sum->next)
		sums = lappend(sums, sum);
	list_sort(sums, compare_columns);
	initStringInfo(&buf);
	foreach(lc, sums)
	{
		ColumnsSum *sum = (ColumnsSum *) lfirst(lc);

		appendStringInfo(&buf, "%s\1", ckpt_rowhash_finish(sum->columns, &sum->sum));
	}
	return ckpt_hash_text(buf.data);
}

Datum
checkpoint_content_hash_final(PG_FUNCTION_ARGS)
{
	ContentHash *state = PG_ARGISNULL(0) ? NULL : (ContentHash *) PG_GETARG_POINTER(0);

	if (state == NULL || state->sums == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(state->sums->next ? mixed_hash(state) :
									 ckpt_rowhash_finish(state->sums->columns,
														 &state->sums->sum)));
}

/*
 * new_hash_sum makes a state of the sum: a CkptRowSum as bytes.
 */
static bytea *
new_hash_sum(const CkptRowSum *sum)
{
	bytea	   *state = palloc(VARHDRSZ + sizeof(CkptRowSum));

	SET_VARSIZE(state, VARHDRSZ + sizeof(CkptRowSum));
	memcpy(VARDATA(state), sum, sizeof(CkptRowSum));
	return state;
}

/*
 * hash_sum_get returns the sum in a state, which anybody may have made.
 */
static CkptRowSum
hash_sum_get(const bytea *state)
{
	CkptRowSum	sum;

	if (VARSIZE_ANY_EXHDR(state) != sizeof(CkptRowSum))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid sum of hashes"),
				 errhint("Sums are made by checkpoint._hash_sum() only.")));
	memcpy(&sum, VARDATA_ANY(state), sizeof(CkptRowSum));
	return sum;
}

/*
 * return_hash_sum returns a state: the given one, changed in place, if it is this
 * aggregate's own.
 */
static Datum
return_hash_sum(FunctionCallInfo fcinfo, const CkptRowSum *sum)
{
	if (!PG_ARGISNULL(0) && AggCheckCallContext(fcinfo, NULL))
	{
		bytea	   *state = (bytea *) PG_GETARG_POINTER(0);

		if (VARATT_IS_4B_U(state))
		{
			memcpy(VARDATA(state), sum, sizeof(CkptRowSum));
			PG_RETURN_BYTEA_P(state);
		}
	}
	PG_RETURN_BYTEA_P(new_hash_sum(sum));
}

/*
 * _hash_sum(hash) adds up hashes of rows, as _row_hash() gives them.
 */
Datum
checkpoint_hash_sum_trans(PG_FUNCTION_ARGS)
{
	CkptRowSum	sum = {0};

	if (!PG_ARGISNULL(0))
		sum = hash_sum_get(PG_GETARG_BYTEA_PP(0));
	if (!PG_ARGISNULL(1))
	{
		CkptRowSum	row = ckpt_rowhash_from_uuid(PG_GETARG_UUID_P(1));

		ckpt_rowhash_merge(&sum, &row);
	}
	return return_hash_sum(fcinfo, &sum);
}

Datum
checkpoint_hash_sum_combine(PG_FUNCTION_ARGS)
{
	CkptRowSum	sum = {0};

	if (!PG_ARGISNULL(0))
		sum = hash_sum_get(PG_GETARG_BYTEA_PP(0));
	if (!PG_ARGISNULL(1))
	{
		CkptRowSum	other = hash_sum_get(PG_GETARG_BYTEA_PP(1));

		ckpt_rowhash_merge(&sum, &other);
	}
	return return_hash_sum(fcinfo, &sum);
}
