/*-------------------------------------------------------------------------
 *
 * client.c
 *	  What clients claim, and report of the rows that they have computed: SQL calls.
 *
 * They run in the client's transaction.  One that reports also writes the results, and holds a
 * lock on the checkpoint until it ends, together with other clients: so the
 * checkpoint stays open until then.  See step_client.c for open() and finish().
 *
 * IDENTIFICATION
 *	  src/client.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "client.h"
#include "fmgr.h"
#include "funcapi.h"
#include "input_rows.h"
#include "job.h"
#include "joblock.h"
#include "lease.h"
#include "ledger_client.h"
#include "remainder.h"
#include "result_table.h"
#include "role.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Longest name of a holder, bytes. */
#define MAX_HOLDER	255

PG_FUNCTION_INFO_V1(checkpoint_claim_rows);
PG_FUNCTION_INFO_V1(checkpoint_renew);
PG_FUNCTION_INFO_V1(checkpoint_release);
PG_FUNCTION_INFO_V1(checkpoint_mark_processed);
PG_FUNCTION_INFO_V1(checkpoint_record_error);

/*
 * ckpt_client_get finds a checkpoint as it is now, whatever the transaction's snapshot
 * shows, if the user may use it.
 */
void
ckpt_client_get(int64 id, CkptCheckpoint *cp)
{
	if (!ckpt_catalog_get_checkpoint_now(id, cp))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("checkpoint %lld does not exist", (long long) id),
				 errhint("See the view checkpoint.checkpoints.")));
	ckpt_role_check(cp->owner, "checkpoint", id);
}

/*
 * ckpt_client_check_open raises 55000 unless clients may work on a checkpoint, which has its
 * tables, or 55006 if the server does.
 */
void
ckpt_client_check_open(const CkptCheckpoint *cp)
{
	if (cp->final)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("checkpoint %lld is finished", (long long) cp->id),
				 errhint("Nothing is left to compute.")));
	if (cp->open_step == 0 && ckpt_catalog_server_works_on(cp->id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("a step of the server works on checkpoint %lld", (long long) cp->id),
				 errhint("When it has ended, a run of the job may open the step with checkpoint.open().")));
	if (cp->open_step == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("checkpoint %lld is not open for clients", (long long) cp->id),
				 errdetail("Its step was finished, or is computed in the server."),
				 errhint("Open its step with checkpoint.open().")));
	/* what is marked without its results would be lost */
	ckpt_result_table_require(cp->input_table, "input", cp->step);
	ckpt_result_table_require(cp->output_table, "output", cp->step);
}

/*
 * client_checkpoint finds the checkpoint that a client's call is about.
 */
static void
client_checkpoint(FunctionCallInfo fcinfo, const char *command, CkptCheckpoint *cp)
{
	ckpt_job_check_writable(command);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be null", "checkpoint_id"),
				 errhint("Pass the number that checkpoint.open() has returned.")));
	ckpt_client_get(PG_GETARG_INT64(0), cp);
}

/*
 * client_join finds an open checkpoint, which stays open until the transaction ends.
 */
static void
client_join(FunctionCallInfo fcinfo, const char *command, CkptCheckpoint *cp)
{
	client_checkpoint(fcinfo, command, cp);
	ckpt_joblock_wait(CKPT_LOCK_CLIENTS, cp->id, ShareLock);
	ckpt_client_get(cp->id, cp);
	ckpt_client_check_open(cp);
}

static char *
text_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/*
 * duration_arg returns how long a claim is to hold.
 */
static const Interval *
duration_arg(FunctionCallInfo fcinfo, int n)
{
	static const Interval zero = {0};
	const Interval *duration = PG_ARGISNULL(n) ? NULL : PG_GETARG_INTERVAL_P(n);

	if (duration == NULL ||
		DatumGetBool(DirectFunctionCall2(interval_lt, IntervalPGetDatum(duration),
										 IntervalPGetDatum(&zero))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be an interval that is not negative", "lease"),
				 errhint("Pass as long as computing the rows may take, such as '5 min'.")));
	return duration;
}

/*
 * holder_arg returns the holder that is named, or the session.
 */
static CkptHolder
holder_arg(FunctionCallInfo fcinfo, int n, bool make)
{
	char	   *name = text_arg(fcinfo, n);

	if (name && (name[0] == '\0' || strlen(name) > MAX_HOLDER))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must have 1 to %d bytes", "holder", MAX_HOLDER),
				 errhint("Pass a name that no other client has, or leave the argument out.")));
	return ckpt_lease_holder(name, make);
}

static void
return_row(void *arg, TupleTableSlot *row)
{
	tuplestore_puttupleslot(((ReturnSetInfo *) arg)->setResult, row);
}

/*
 * claim(NULL::checkpoint_data.<input table>, rows, lease, holder) returns rows that
 * nobody else computes until the lease ends.
 */
Datum
checkpoint_claim_rows(PG_FUNCTION_ARGS)
{
	CkptCheckpoint cp;
	Oid			relid = ckpt_remainder_table(fcinfo, "claim", &cp);
	const Interval *duration;
	CkptHolder	holder;
	Relation	rel;
	int64	   *ids = NULL;
	int			nids = 0;

	ckpt_job_check_writable("checkpoint.claim()");
	if (PG_ARGISNULL(1) || PG_GETARG_INT32(1) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a number that is not negative", "rows"),
				 errhint("Pass how many rows to claim at most.")));
	duration = duration_arg(fcinfo, 2);
	holder = holder_arg(fcinfo, 3, PG_GETARG_INT32(1) > 0);

	InitMaterializedSRF(fcinfo, 0);
	/* nobody finishes or takes the checkpoint meanwhile */
	ckpt_joblock_wait(CKPT_LOCK_CLIENTS, cp.id, ShareLock);
	ckpt_client_get(cp.id, &cp);
	ckpt_client_check_open(&cp);
	if (!ckpt_catalog_job_is_paused(cp.job_id))
		ids = ckpt_lease_claim(&cp, PG_GETARG_INT32(1), &holder, duration, &nids);
	ckpt_joblock_release_early(CKPT_LOCK_CLIENTS, cp.id, ShareLock);

	rel = table_open(relid, AccessShareLock);
	ckpt_input_rows(rel, ids, nids, return_row, fcinfo->resultinfo);
	table_close(rel, AccessShareLock);
	return (Datum) 0;
}

/*
 * renew(checkpoint_id, lease, holder) prolongs the holder's claims.
 */
Datum
checkpoint_renew(PG_FUNCTION_ARGS)
{
	CkptCheckpoint cp;
	const Interval *duration;
	CkptHolder	holder;

	client_checkpoint(fcinfo, "checkpoint.renew()", &cp);
	duration = duration_arg(fcinfo, 1);
	holder = holder_arg(fcinfo, 2, false);
	PG_RETURN_INT64(ckpt_lease_renew(&cp, &holder, duration));
}

/*
 * release(checkpoint_id, holder) gives the holder's claims back.
 */
Datum
checkpoint_release(PG_FUNCTION_ARGS)
{
	CkptCheckpoint cp;
	CkptHolder	holder;

	client_checkpoint(fcinfo, "checkpoint.release()", &cp);
	holder = holder_arg(fcinfo, 1, false);
	PG_RETURN_INT64(ckpt_lease_release(&cp, &holder));
}

static void
check_id(const CkptCheckpoint *cp, int64 id)
{
	if (id < 1 || id > cp->rows_total)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("checkpoint %lld has no row %lld", (long long) cp->id, (long long) id),
				 errhint("Its rows are 1 to %lld.", (long long) cp->rows_total)));
}

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/*
 * take_ids returns the ids of an array in ascending order.
 */
static int64 *
take_ids(const CkptCheckpoint *cp, ArrayType *array, int *nids)
{
	Datum	   *elements;
	bool	   *nulls;
	int64	   *ids;
	bool		sorted = true;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, &nulls, nids);
	ids = palloc(Max(*nids, 1) * sizeof(int64));
	for (int i = 0; i < *nids; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" must not have null elements", "ids"),
					 errhint("Pass values of %s.", CKPT_ID_COLUMN)));
		ids[i] = DatumGetInt64(elements[i]);
		check_id(cp, ids[i]);
		sorted &= i == 0 || ids[i - 1] <= ids[i];
	}
	if (!sorted)
		qsort(ids, *nids, sizeof(int64), compare_ids);
	return ids;
}

/*
 * mark_processed(checkpoint_id, ids) notes that the results of rows are stored, by
 * this transaction.
 */
Datum
checkpoint_mark_processed(PG_FUNCTION_ARGS)
{
	CkptCheckpoint cp;
	int64	   *ids;
	int			nids;
	int64		marked;

	client_join(fcinfo, "checkpoint.mark_processed()", &cp);
	if (PG_ARGISNULL(1))
		PG_RETURN_INT64(0);
	ids = take_ids(&cp, PG_GETARG_ARRAYTYPE_P(1), &nids);
	marked = ckpt_ledger_mark_ids(&cp, ids, nids);
	ckpt_lease_end_done(&cp, ids, nids);
	PG_RETURN_INT64(marked);
}

/*
 * check_sqlstate raises unless a text can be the code of an error.
 */
static void
check_sqlstate(const char *sqlstate)
{
	if (strlen(sqlstate) == 5 &&
		strspn(sqlstate, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
		strcmp(sqlstate, "00000") != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" must not be \"%s\"", "sqlstate", sqlstate),
			 errhint("Pass five digits or capital letters, such as 'XX000', that do not mean success.")));
}

/*
 * record_error(checkpoint_id, id, sqlstate, message, detail) puts a row into
 * quarantine.
 */
Datum
checkpoint_record_error(PG_FUNCTION_ARGS)
{
	CkptFailure failure = {.attempts = 1};
	CkptCheckpoint cp;
	int64		id;

	client_join(fcinfo, "checkpoint.record_error()", &cp);
	for (int i = 1; i <= 3; i++)
	{
		static const char *const names[] = {NULL, "id", "sqlstate", "message"};

		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" must not be null", names[i]),
					 errhint("Say which row has failed, and with which error.")));
	}
	id = PG_GETARG_INT64(1);
	check_id(&cp, id);
	failure.sqlstate = text_arg(fcinfo, 2);
	failure.message = text_arg(fcinfo, 3);
	failure.detail = text_arg(fcinfo, 4);
	check_sqlstate(failure.sqlstate);
	ckpt_ledger_record_error(&cp, id, &failure);
	ckpt_lease_end_done(&cp, &id, 1);
	PG_RETURN_VOID();
}
