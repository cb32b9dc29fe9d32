/*-------------------------------------------------------------------------
 *
 * rowagg.c
 *	  Hashes of rows, for SQL: the aggregate content_hash.
 *
 * IDENTIFICATION
 *	  src/rowagg.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "rowhash.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(checkpoint_content_hash_trans);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_columns_trans);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_combine);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_serial);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_deserial);
PG_FUNCTION_INFO_V1(checkpoint_content_hash_final);

/* What is needed to hash values of one row type. */
typedef struct RecordHasher
{
	Oid			typid;
	int32		typmod;
	CkptRowHasher *hasher;
} RecordHasher;

/* The same for rows whose columns are the aggregate's arguments. */
typedef struct ColumnsHasher
{
	CkptRowHasher *hasher;
	int			natts;
	Datum	   *values;
	bool	   *isnull;
} ColumnsHasher;

/* The state of the aggregate. */
typedef struct ContentHash
{
	CkptRowSum	sum;
	char	   *columns;		/* of the rows; NULL before the first */
} ContentHash;

/* Its form between processes. */
typedef struct SerialContentHash
{
	int32		vl_len_;
	CkptRowSum	sum;
	char		columns[FLEXIBLE_ARRAY_MEMBER];
} SerialContentHash;

/*
 * add_record adds a record to a sum.  The hasher is kept with the call, and made
 * anew if the record is of another type than the last one.
 */
static RecordHasher *
add_record(FunctionCallInfo fcinfo, HeapTupleHeader header, CkptRowSum *sum)
{
	RecordHasher *rh = (RecordHasher *) fcinfo->flinfo->fn_extra;
	Oid			typid = HeapTupleHeaderGetTypeId(header);
	int32		typmod = HeapTupleHeaderGetTypMod(header);
	HeapTupleData tuple;

	if (unlikely(rh == NULL || rh->typid != typid || rh->typmod != typmod))
	{
		MemoryContext oldcxt = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		rh = palloc(sizeof(RecordHasher));
		rh->typid = typid;
		rh->typmod = typmod;
		rh->hasher = ckpt_rowhash_create(lookup_rowtype_tupdesc_copy(typid, typmod));
		fcinfo->flinfo->fn_extra = rh;
		MemoryContextSwitchTo(oldcxt);
	}

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	ckpt_rowhash_add_tuple(rh->hasher, sum, &tuple);
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

static void
state_set_columns(ContentHash *state, const CkptRowHasher *hasher)
{
	state->columns = MemoryContextStrdup(GetMemoryChunkContext(state),
										 ckpt_rowhash_columns(hasher));
}

Datum
checkpoint_content_hash_trans(PG_FUNCTION_ARGS)
{
	ContentHash *state = PG_ARGISNULL(0) ? new_state(fcinfo) :
		(ContentHash *) PG_GETARG_POINTER(0);
	RecordHasher *rh;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument of content_hash must not be null"),
				 errhint("Hash rows, such as content_hash(t) or content_hash(ROW(a, b)).")));
	rh = add_record(fcinfo, PG_GETARG_HEAPTUPLEHEADER(1), &state->sum);
	if (unlikely(state->columns == NULL))
		state_set_columns(state, rh->hasher);
	PG_RETURN_POINTER(state);
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
	Aggref	   *aggref = AggGetAggref(fcinfo);
	TupleDesc	desc;

	ch->natts = PG_NARGS() - 1;
	desc = CreateTemplateTupleDesc(ch->natts);
	for (int i = 0; i < ch->natts; i++)
	{
		Node	   *arg = aggref ? (Node *) list_nth_node(TargetEntry, aggref->args, i)->expr : NULL;
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i + 1);

		if (!OidIsValid(type))
			elog(ERROR, "could not determine the type of argument %d", i + 1);
		TupleDescInitEntry(desc, i + 1, psprintf("f%d", i + 1), type,
						   arg ? exprTypmod(arg) : -1, 0);
		if (arg)
			TupleDescInitEntryCollation(desc, i + 1, exprCollation(arg));
	}
	ch->hasher = ckpt_rowhash_create(desc);
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
	ckpt_rowhash_add(ch->hasher, &state->sum, ch->values, ch->isnull);
	if (unlikely(state->columns == NULL))
		state_set_columns(state, ch->hasher);
	PG_RETURN_POINTER(state);
}

Datum
checkpoint_content_hash_combine(PG_FUNCTION_ARGS)
{
	ContentHash *state = PG_ARGISNULL(0) ? new_state(fcinfo) :
		(ContentHash *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		ContentHash *other = (ContentHash *) PG_GETARG_POINTER(1);

		ckpt_rowhash_merge(&state->sum, &other->sum);
		if (state->columns == NULL && other->columns)
			state->columns = MemoryContextStrdup(GetMemoryChunkContext(state),
												 other->columns);
	}
	PG_RETURN_POINTER(state);
}

Datum
checkpoint_content_hash_serial(PG_FUNCTION_ARGS)
{
	ContentHash *state = (ContentHash *) PG_GETARG_POINTER(0);
	const char *columns = state->columns ? state->columns : "";
	Size		size = offsetof(SerialContentHash, columns) + strlen(columns) + 1;
	SerialContentHash *serial = palloc0(size);

	SET_VARSIZE(serial, size);
	serial->sum = state->sum;
	strcpy(serial->columns, columns);
	PG_RETURN_BYTEA_P((bytea *) serial);
}

Datum
checkpoint_content_hash_deserial(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_P_COPY(0);
	SerialContentHash *serial = (SerialContentHash *) bytes;
	ContentHash *state = palloc0(sizeof(ContentHash));

	state->sum = serial->sum;
	if (serial->columns[0] != '\0')
		state->columns = pstrdup(serial->columns);
	PG_RETURN_POINTER(state);
}

Datum
checkpoint_content_hash_final(PG_FUNCTION_ARGS)
{
	ContentHash *state = PG_ARGISNULL(0) ? NULL : (ContentHash *) PG_GETARG_POINTER(0);

	if (state == NULL || state->columns == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(ckpt_rowhash_finish(state->columns, &state->sum)));
}
