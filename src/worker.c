/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  Background processes that help with a run.
 *
 * The session that runs a step computes rows itself; workers draw ids from the
 * same counter, which then lies in shared memory, and commit for themselves.
 * They are plain background workers, not parallel-query ones: their functions
 * may write.  A worker has the session's user, role, settings and loaded
 * libraries, and not what is temporary there: tables, functions, types.
 *
 * Each worker holds its job's locks, as the session does, so that no other run
 * of the job can begin while one of them is still busy.
 *
 * A worker ends when all ids are claimed, when the run is to stop, when a row
 * fails (the first error is left for the session to raise), or when it is
 * terminated.  The session ends its workers when it dies, and waits for them.
 *
 * A worker may be waiting for a lock that the session's transaction holds, so
 * the session waits for its workers only in a transaction that has done nothing
 * yet, or in none.
 *
 * IDENTIFICATION
 *	  src/worker.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <signal.h>

#include "access/table.h"
#include "access/xact.h"
#include "asuser.h"
#include "catalog.h"
#include "crash_marker.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "guc.h"
#include "job.h"
#include "joblock.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "progress.h"
#include "result_table.h"
#include "stoppoint.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "transaction.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"
#include "wait.h"
#include "worker.h"

/* What the processes of a run share. */
typedef struct Shared
{
	CkptRunShared run;
	CkptRunTask task;			/* worker is in bgw_extra */
	CkptSpec	spec;			/* its texts are elsewhere */
	CkptUdfShape shape;
	char		code_version[CKPT_MAX_VERSION + 1];	/* '' if there is none */
	char		depends_on[33]; /* likewise */
	int64		step_id;
	char		step[NAMEDATALEN];	/* its name */
	Oid			database;
	Oid			authenticated_user; /* may log in */
	Oid			session_user;
	Oid			role;

	/* the first error */
	slock_t		mutex;
	dsm_handle	error;			/* segment with its text, or INVALID */
	int64		error_id;		/* the row it is about, or 0 */

	bool		begun[CKPT_MAX_WORKERS];	/* by number: has come as far as its task */

	/* the UDF; where the session's statement, its libraries and its settings are */
	Size		statement;
	Size		libraries;
	Size		settings;
	char		text[FLEXIBLE_ARRAY_MEMBER];
} Shared;

struct CkptWorkers
{
	dsm_segment *segment;
	Shared	   *shared;
	int			wanted;
	int			n;				/* that have a slot */
	bool		counted;		/* those that can help: said, if fewer */
	BackgroundWorkerHandle **handles;
};

/* The workers of this session's step, or NULL. */
static CkptWorkers *my_workers = NULL;

static bool
workers_running(CkptWorkers *workers)
{
	bool		running = false;

	for (int i = 0; i < workers->n; i++)
	{
		pid_t		pid;
		BgwHandleStatus status = GetBackgroundWorkerPid(workers->handles[i], &pid);

		running |= status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED;
	}
	return running;
}

static void
workers_terminate(CkptWorkers *workers)
{
	for (int i = 0; i < workers->n; i++)
		TerminateBackgroundWorker(workers->handles[i]);
}

/*
 * workers_let_go lets go of the shared memory of workers that have ended.
 */
static void
workers_let_go(CkptWorkers *workers)
{
	my_workers = NULL;
	if (workers->shared->error != DSM_HANDLE_INVALID)
		dsm_unpin_segment(workers->shared->error);
	dsm_detach(workers->segment);
	for (int i = 0; i < workers->n; i++)
		pfree(workers->handles[i]);
	pfree(workers->handles);
	pfree(workers);
}

/*
 * workers_exit ends the workers of a session that dies, after the session's
 * transaction: they may wait for its locks with interrupts held.
 */
static void
workers_exit(int code, Datum arg)
{
	CkptWorkers *workers = my_workers;

	if (workers == NULL)
		return;
	ckpt_claims_stop(&workers->shared->run.claims, CKPT_CLAIMS_CANCEL);
	workers_terminate(workers);
	AbortOutOfAnyTransaction();
	while (workers_running(workers))
		ckpt_wait(CKPT_WAIT_MS, WAIT_EVENT_BGWORKER_SHUTDOWN);
	workers_let_go(workers);
}

/*
 * workers_share makes the shared memory of a run.
 */
static dsm_segment *
workers_share(const CkptRunTask *task, int64 step_id, const CkptUdf *udf,
			  int nworkers, const CkptRunShared *run)
{
	const char *statement = debug_query_string ? debug_query_string : udf->text;
	Size		udf_size = MAXALIGN(strlen(udf->text) + 1);
	Size		statement_size = MAXALIGN(strlen(statement) + 1);
	Size		libraries_size = MAXALIGN(EstimateLibraryStateSpace());
	Size		settings_size = EstimateGUCStateSpace();
	Size		size = MAXALIGN(offsetof(Shared, text)) + udf_size + statement_size +
		libraries_size + settings_size;
	dsm_segment *segment = dsm_create(size, 0);
	Shared	   *shared = dsm_segment_address(segment);

	memset(shared, 0, size);
	ckpt_run_share(&shared->run, task, run->claims.max_id, nworkers + 1,
				   (int64) pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &run->claims.next_output_id)));
	shared->task = *task;
	shared->task.long_hashes = NULL;
	shared->spec = *task->spec;
	/* these are the session's */
	shared->spec.job = NULL;
	shared->spec.step = shared->spec.query = shared->spec.udf = shared->spec.keep = NULL;
	shared->spec.cache_version = shared->spec.code_version = NULL;
	shared->spec.depends_on = shared->spec.probe = NULL;
	shared->spec.partition_by = NULL;
	shared->shape.nkeys = udf->nkeys;
	shared->shape.batch = udf->batch;
	shared->shape.nkeep = udf->nkeep;
	memcpy(shared->shape.keep, udf->keep, udf->nkeep * sizeof(AttrNumber));
	shared->step_id = step_id;
	strlcpy(shared->step, task->spec->step, sizeof(shared->step));
	shared->database = MyDatabaseId;
	shared->authenticated_user = GetAuthenticatedUserId();
	shared->session_user = GetSessionUserId();
	shared->role = GetUserId();
	SpinLockInit(&shared->mutex);
	shared->error = DSM_HANDLE_INVALID;
	strcpy(shared->text, udf->text);
	strlcpy(shared->code_version, udf->given.code_version ? udf->given.code_version : "",
			sizeof(shared->code_version));
	strlcpy(shared->depends_on, udf->given.depends_on ? udf->given.depends_on : "",
			sizeof(shared->depends_on));
	shared->statement = MAXALIGN(offsetof(Shared, text)) + udf_size;
	strcpy((char *) shared + shared->statement, statement);
	shared->libraries = shared->statement + statement_size;
	SerializeLibraryState(libraries_size, (char *) shared + shared->libraries);
	shared->settings = shared->libraries + libraries_size;
	SerializeGUCState(settings_size, (char *) shared + shared->settings);
	return segment;
}

/*
 * workers_register asks for the worker of a number and returns whether there is
 * a slot for it.
 */
static bool
workers_register(CkptWorkers *workers, int number)
{
	BackgroundWorker worker;
	MemoryContext oldcxt = MemoryContextSwitchTo(TopMemoryContext);
	bool		registered;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "checkpoint", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "ckpt_worker_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "checkpoint worker %d for PID %d",
			 number, MyProcPid);
	strlcpy(worker.bgw_type, "checkpoint worker", BGW_MAXLEN);
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(workers->segment));
	memcpy(worker.bgw_extra, &number, sizeof(number));
	worker.bgw_notify_pid = MyProcPid;
	registered = RegisterDynamicBackgroundWorker(&worker, &workers->handles[workers->n]);
	MemoryContextSwitchTo(oldcxt);
	return registered;
}

/*
 * ckpt_workers_launch starts up to nworkers background workers for a run, and
 * puts a copy of what its processes share into shared memory.
 *
 * What the workers need must be committed.  Fewer may start, or none: see
 * ckpt_workers_count().  ckpt_workers_end() must be called at last.
 */
CkptWorkers *
ckpt_workers_launch(const CkptRunTask *task, int64 step_id, const CkptUdf *udf,
					int nworkers, const CkptRunShared *run)
{
	static bool registered = false;
	dsm_segment *segment = workers_share(task, step_id, udf, nworkers, run);
	CkptWorkers *workers = MemoryContextAllocZero(TopMemoryContext, sizeof(CkptWorkers));

	workers->handles = MemoryContextAlloc(TopMemoryContext,
										  nworkers * sizeof(BackgroundWorkerHandle *));
	workers->segment = segment;
	workers->shared = dsm_segment_address(segment);
	workers->wanted = nworkers;
	if (!registered)
		before_shmem_exit(workers_exit, (Datum) 0);
	registered = true;
	dsm_pin_mapping(segment);
	my_workers = workers;
	while (workers->n < nworkers && workers_register(workers, workers->n + 1))
		workers->n++;
	workers->shared->run.claims.nprocesses = workers->n + 1;
	return workers;
}

/*
 * ckpt_workers_count says by NOTICE, once, if fewer workers can help than were
 * wanted, as soon as that is known.
 */
void
ckpt_workers_count(CkptWorkers *workers)
{
	int			helping = 0;

	if (workers->counted)
		return;
	for (int i = 0; i < workers->n; i++)
	{
		pid_t		pid;
		BgwHandleStatus status = GetBackgroundWorkerPid(workers->handles[i], &pid);

		if (workers->shared->begun[i])
			helping++;
		else if (status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED)
			return;
	}
	workers->counted = true;
	if (helping == workers->wanted)
		return;
	ereport(NOTICE,
			(errmsg("running with %d of %d workers", helping + 1, workers->wanted + 1),
			 workers->n < workers->wanted ?
			 errdetail("No background worker slot is free.") :
			 errdetail("A background worker could not connect to the database as this session's user, or take over its settings."),
			 workers->n < workers->wanted ?
			 errhint("Raise max_worker_processes.") :
			 errhint("The server's log says why.")));
}

/*
 * ckpt_workers_shared returns what they and the session share.
 */
CkptRunShared *
ckpt_workers_shared(CkptWorkers *workers)
{
	return &workers->shared->run;
}

/*
 * ckpt_workers_wait waits until all workers have ended, or for so many ms, and
 * returns whether they have.  Interrupts are served.  The caller's transaction
 * has done nothing.
 */
bool
ckpt_workers_wait(CkptWorkers *workers, long timeout)
{
	Assert(!TransactionIdIsValid(GetTopTransactionIdIfAny()));
	if (!workers_running(workers))
		return true;
	ckpt_wait(timeout, WAIT_EVENT_BGWORKER_SHUTDOWN);
	CHECK_FOR_INTERRUPTS();
	return !workers_running(workers);
}

/*
 * ckpt_workers_stop tells the workers to take no more rows and, if cancel is
 * set, to give up the rows that they are computing.  What they have computed
 * they commit.
 */
void
ckpt_workers_stop(CkptWorkers *workers, bool cancel)
{
	ckpt_claims_stop(&workers->shared->run.claims, cancel ? CKPT_CLAIMS_CANCEL : CKPT_CLAIMS_STOP);
	for (int i = 0; cancel && i < workers->n; i++)
	{
		pid_t		pid;

		if (GetBackgroundWorkerPid(workers->handles[i], &pid) == BGWH_STARTED)
			(void) kill(pid, SIGINT);
	}
}

/*
 * ckpt_workers_end waits for the workers without serving interrupts and lets go
 * of the shared memory.  The caller's transaction has done nothing.
 */
void
ckpt_workers_end(CkptWorkers *workers)
{
	Assert(!TransactionIdIsValid(GetTopTransactionIdIfAny()));
	HOLD_INTERRUPTS();
	while (workers_running(workers))
	{
		/* a cancel may have come before the worker was computing anything */
		ckpt_wait(CKPT_WAIT_MS, WAIT_EVENT_BGWORKER_SHUTDOWN);
		if (ckpt_wait_must_die())
			workers_terminate(workers);
		else if (QueryCancelPending)
			ckpt_workers_stop(workers, true);
	}
	workers_let_go(workers);
	RESUME_INTERRUPTS();
}

/*
 * The fields of an error that travel, in this order.
 */
#define ERROR_FIELDS(error) { \
	&(error)->message, &(error)->detail, &(error)->hint, &(error)->context, \
	&(error)->schema_name, &(error)->table_name, &(error)->column_name, \
	&(error)->datatype_name, &(error)->constraint_name, &(error)->internalquery}

typedef struct ErrorHeader
{
	int			sqlerrcode;
	int			internalpos;
	int			length[10];		/* with the NUL; 0 is NULL */
	char		text[FLEXIBLE_ARRAY_MEMBER];
} ErrorHeader;

/*
 * worker_report_error leaves an error for the session, unless another worker
 * was faster, and stops the run.
 *
 * Parallel query sends errors, and notices, too, through a queue that its leader
 * reads at the next interrupt.  Here the leader is busy with rows of its own,
 * which may take hours or wait for a lock that this worker holds: a worker that
 * waited for a place in a queue could wait for ever.  So one error is left in
 * memory, and notices go to the server's log.
 */
static void
worker_report_error(Shared *shared, ErrorData *error, int64 id)
{
	char	  **fields[] = ERROR_FIELDS(error);
	Size		size = offsetof(ErrorHeader, text);
	dsm_segment *segment;
	ErrorHeader *header;
	char	   *text;
	bool		first;

	for (int i = 0; i < lengthof(fields); i++)
		size += *fields[i] ? strlen(*fields[i]) + 1 : 0;
	segment = dsm_create(size, 0);
	header = dsm_segment_address(segment);
	header->sqlerrcode = error->sqlerrcode;
	header->internalpos = error->internalpos;
	text = header->text;
	for (int i = 0; i < lengthof(fields); i++)
	{
		header->length[i] = *fields[i] ? (int) strlen(*fields[i]) + 1 : 0;
		if (*fields[i])
			memcpy(text, *fields[i], header->length[i]);
		text += header->length[i];
	}
	dsm_pin_segment(segment);

	SpinLockAcquire(&shared->mutex);
	first = shared->error == DSM_HANDLE_INVALID;
	if (first)
	{
		shared->error = dsm_segment_handle(segment);
		shared->error_id = id;
	}
	SpinLockRelease(&shared->mutex);

	if (!first)
		dsm_unpin_segment(dsm_segment_handle(segment));
	dsm_detach(segment);
	ckpt_claims_stop(&shared->run.claims, CKPT_CLAIMS_STOP);
}

/*
 * ckpt_workers_error returns the first error that a worker has left, in
 * CurrentMemoryContext, or NULL.
 */
ErrorData *
ckpt_workers_error(CkptWorkers *workers, int64 *id)
{
	ErrorData  *error;
	dsm_segment *segment;
	ErrorHeader *header;
	const char *text;

	if (workers->shared->error == DSM_HANDLE_INVALID)
		return NULL;
	segment = dsm_attach(workers->shared->error);
	if (segment == NULL)
		elog(ERROR, "a worker's error is gone");
	header = dsm_segment_address(segment);

	error = palloc0(sizeof(ErrorData));
	error->elevel = ERROR;
	error->output_to_server = true;
	error->output_to_client = true;
	error->sqlerrcode = header->sqlerrcode;
	error->internalpos = header->internalpos;
	error->assoc_context = CurrentMemoryContext;
	text = header->text;
	{
		char	  **fields[] = ERROR_FIELDS(error);

		for (int i = 0; i < lengthof(fields); i++)
		{
			*fields[i] = header->length[i] > 0 ? pstrdup(text) : NULL;
			text += header->length[i];
		}
	}
	dsm_detach(segment);
	*id = workers->shared->error_id;
	return error;
}

/*
 * What a worker has made of its task.
 */
typedef struct Worker
{
	Shared	   *shared;
	CkptRunTask task;
	CkptSpec	spec;			/* of the task */
	CkptCheckpoint cp;
	CkptUdf    *udf;
} Worker;

/*
 * worker_become makes the session's user, role, libraries and settings the
 * worker's, as a parallel worker does: each setting with the right of who has
 * set it.  Libraries come first, since they define settings.
 */
static void
worker_become(Shared *shared)
{
	RestoreLibraryState((char *) shared + shared->libraries);
	RestoreGUCState((char *) shared + shared->settings);
	if (shared->role != shared->session_user)
		(void) set_config_option("role", GetUserNameFromId(shared->role, false),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
}

static void
worker_prepare(void *arg)
{
	Worker	   *worker = (Worker *) arg;
	Relation	input;
	TupleDesc	desc;
	CkptCodeGiven given = {NULL};
	CkptUser	saved;

	PushActiveSnapshot(GetTransactionSnapshot());
	if (!ckpt_catalog_get_checkpoint(worker->task.checkpoint_id, &worker->cp))
		elog(ERROR, "checkpoint %lld does not exist", (long long) worker->task.checkpoint_id);
	/* whether it is what it should be, each transaction will check */
	ckpt_result_table_require(worker->cp.input_table, "input", worker->cp.step);
	input = table_open(ckpt_result_table_rows(worker->cp.input_table), AccessShareLock);
	desc = CreateTupleDescCopy(RelationGetDescr(input));
	table_close(input, NoLock);
	saved = ckpt_user_become(worker->task.owner);
	given.cache_version = worker->cp.cache_version;
	if (worker->shared->code_version[0] != '\0')
		given.code_version = worker->shared->code_version;
	if (worker->shared->depends_on[0] != '\0')
		given.depends_on = worker->shared->depends_on;
	worker->udf = ckpt_udf_analyze(worker->spec.kind, worker->shared->text,
								   &worker->shared->shape, &given, desc);
	ckpt_user_restore(saved);
	if (strcmp(ckpt_columns_text(worker->udf->output_desc), worker->cp.output_columns) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("output columns of step \"%s\" changed while it ran", worker->cp.step),
				 errdetail("They were %s and are %s.", worker->cp.output_columns,
						   ckpt_columns_text(worker->udf->output_desc)),
				 errhint("Run the job again: the step is computed anew.")));
	PopActiveSnapshot();
}

/*
 * worker_between serves interrupts between two transactions of the run.
 */
static void
worker_between(void *arg)
{
	ckpt_stop_point("between transactions of", "worker");
	/* a cancel is for a call; whether to stop, the claims say */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/*
 * worker_run does the worker's part of the run, and tells the session of an
 * error.
 */
static void
worker_run(Worker *worker)
{
	CkptTransaction prepare = {worker_prepare, worker, "start of worker", true};
	CkptRunProcess process = {"worker", NULL, worker_between};
	CkptRunShared *shared = &worker->shared->run;
	ErrorData  *error = ckpt_transaction_run(&prepare);
	int64		id = 0;

	if (error == NULL)
		error = ckpt_run(ckpt_run_create(&worker->task, worker->udf, &worker->cp, shared,
										 &process), &id);
	/* a call that the session interrupted is no failure */
	if (error && !(error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
				   ckpt_claims_cancelled(&shared->claims)))
		worker_report_error(worker->shared, error, id);
}

/*
 * ascii_cut returns a name, cut to so many characters.  pg_stat_activity shows it to
 * sessions of all databases, whatever their encodings are: what is not ASCII becomes
 * a question mark.
 */
static char *
ascii_cut(const char *name, int max)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (; *name && buf.len < max; name += pg_mblen(name))
		appendStringInfoChar(&buf, *name < ' ' || *name > '~' ? '?' : *name);
	if (*name)
		memcpy(buf.data + max - 3, "...", 3);
	return buf.data;
}

/*
 * worker_show_name shows job and step as the worker's application_name in
 * pg_stat_activity.  The setting of that name stays the session's.
 */
static void
worker_show_name(const CkptJob *job, const char *step)
{
	const int	each = (NAMEDATALEN - 1 - 15) / 2;

	pgstat_report_appname(psprintf("checkpoint: %s / %s", ascii_cut(job->name, each),
								   ascii_cut(step, each)));
}

/*
 * ckpt_worker_main is a worker's life.
 */
void
ckpt_worker_main(Datum arg)
{
	MemoryContext cxt;
	dsm_segment *segment;
	Worker	   *worker;
	CkptJob		job;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	/* as long as there is no call that a cancel could be for */
	HOLD_CANCEL_INTERRUPTS();

	CurrentResourceOwner = ResourceOwnerCreate(NULL, "checkpoint worker");
	cxt = AllocSetContextCreate(TopMemoryContext, "checkpoint worker", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(cxt);
	segment = dsm_attach(DatumGetUInt32(arg));
	if (segment == NULL)
		return;					/* the session is gone */
	dsm_pin_mapping(segment);
	worker = palloc0(sizeof(Worker));
	worker->shared = dsm_segment_address(segment);
	worker->task = worker->shared->task;
	worker->spec = worker->shared->spec;
	worker->spec.udf = worker->shared->text;
	worker->task.spec = &worker->spec;
	memcpy(&worker->task.worker, MyBgworkerEntry->bgw_extra, sizeof(int));

	BackgroundWorkerInitializeConnectionByOid(worker->shared->database,
											  worker->shared->authenticated_user, 0);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	worker_become(worker->shared);
	ckpt_transaction_is_ours();
	PushActiveSnapshot(GetTransactionSnapshot());
	/* from here on the job lives as long as this worker */
	if (!ckpt_catalog_get_job(worker->task.job_id, &job) || !ckpt_job_hold(&job) ||
		!ckpt_joblock_acquire(CKPT_LOCK_WORKER, worker->shared->step_id, ShareLock, true))
		return;
	worker_show_name(&job, worker->shared->step);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(cxt);
	worker->shared->begun[worker->task.worker - 1] = true;
	if (ckpt_claims_stopped(&worker->shared->run.claims))
		return;
	pgstat_report_activity(STATE_RUNNING, (char *) worker->shared + worker->shared->statement);
	ckpt_progress_begin(worker->shared->step_id);
	ckpt_progress_phase(CKPT_PHASE_RUNNING, worker->shared->run.claims.max_id);
	RESUME_CANCEL_INTERRUPTS();

	StartTransactionCommand();
	MemoryContextSwitchTo(cxt);
	PortalContext = cxt;
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect_ext failed");
	MemoryContextSwitchTo(cxt);
	worker_run(worker);
	(void) SPI_finish();
	CommitTransactionCommand();
	ckpt_crash_marker_close();
}
