/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  Settings.
 *
 * IDENTIFICATION
 *	  src/guc.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <limits.h>

#include "fmgr.h"
#include "guc.h"
#include "stoppoint.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/* 1 PB, more than a server keeps for a standby */
#define MAX_REPLICA_LAG	((double) (INT64CONST(1) << 50))

PG_FUNCTION_INFO_V1(checkpoint_retention);

char	   *ckpt_job_setting = NULL;
bool		ckpt_fresh = false;
bool		ckpt_allow_attach = true;
int			ckpt_job_timeout = 3600;
int			ckpt_workers = 1;
bool		ckpt_notify = false;
int			ckpt_commit_interval = 1000;
int			ckpt_materialize = CKPT_MATERIALIZE_DEFAULT_ON;
int			ckpt_batch_rows = 1000;
double		ckpt_retention = 28 * 24 * 60;
double		ckpt_history_retention = 365 * 24 * 60;
int			ckpt_progress_interval = 10000;
int			ckpt_publish_lock_timeout = 100;
int			ckpt_publish_timeout = 60 * 1000;
double		ckpt_max_replica_lag = 0;
int			ckpt_max_wal_rate = 0;

static const struct config_enum_entry materialize_words[] = {
	{"default_on", CKPT_MATERIALIZE_DEFAULT_ON, false},
	{"default_off", CKPT_MATERIALIZE_DEFAULT_OFF, false},
	{"always", CKPT_MATERIALIZE_ALWAYS, false},
	{"never", CKPT_MATERIALIZE_NEVER, false},
	{NULL, 0, false}
};

/*
 * guc_check_job accepts a job's number, or nothing.
 */
static bool
guc_check_job(char **newval, void **extra, GucSource source)
{
	char	   *end;
	long long	id;

	if (**newval == '\0')
		return true;

	errno = 0;
	id = strtoll(*newval, &end, 10);
	if (errno != 0 || *end != '\0' || id <= 0)
	{
		GUC_check_errdetail("The value must be the number of a job.");
		return false;
	}
	return true;
}

void
ckpt_guc_init(void)
{
	DefineCustomStringVariable("checkpoint.job",
							   "Sets the job that the session's steps belong to.",
							   "Set by checkpoint.begin_job().",
							   &ckpt_job_setting, "",
							   PGC_USERSET, 0,
							   guc_check_job, NULL, NULL);

	DefineCustomBoolVariable("checkpoint.fresh",
							 "Lets jobs that are begun ignore all that was kept.",
							 "As begin_job(fresh => true), from outside of the script.",
							 &ckpt_fresh, false,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);

	DefineCustomBoolVariable("checkpoint.allow_attach",
							 "Allows jobs to be bound to the session that begins them.",
							 "Turn it off where a pooler hands one connection to several clients.",
							 &ckpt_allow_attach, true,
							 PGC_SUSET, 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("checkpoint.job_timeout",
							"Sets how long a job that is not bound to a session counts as running after its last step.",
							"With 0 it counts as running while a step of it runs.",
							&ckpt_job_timeout, 3600, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomIntVariable("checkpoint.workers",
							"Sets the number of processes that work on a step.",
							"The calling session is one of them; the others are background workers.",
							&ckpt_workers, 1, 1, CKPT_MAX_WORKERS,
							PGC_USERSET, 0,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("checkpoint.notify",
							 "Sends a notification on channel \"checkpoint\" for each job that ends.",
							 "Its text is a JSON object: job_id, job, status, error.",
							 &ckpt_notify, false,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("checkpoint.commit_interval",
							"Sets the longest time between two commits of a running step.",
							"A terminated process loses at most this much work, and the row that it is computing; with 0, each call is committed by itself.",
							&ckpt_commit_interval, 1000, 0, 3600 * 1000,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomEnumVariable("checkpoint.materialize",
							 "Sets which of the steps that could be inlined are stored.",
							 "With default_on and default_off, argument \"materialized\" of a step decides, if it is given.",
							 &ckpt_materialize, CKPT_MATERIALIZE_DEFAULT_ON,
							 materialize_words,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("checkpoint.batch_rows",
							"Sets the number of input rows that a step evaluates at a time.",
							NULL,
							&ckpt_batch_rows, 1000, 1, 100000,
							PGC_USERSET, 0,
							NULL, NULL, NULL);

	DefineCustomRealVariable("checkpoint.retention",
							 "Sets how long a checkpoint is kept after its last use.",
							 "-1 is for ever; 0, until its job has ended.",
							 &ckpt_retention, 28 * 24 * 60, -1, INT_MAX,
							 PGC_USERSET, GUC_UNIT_MIN,
							 NULL, NULL, NULL);

	DefineCustomRealVariable("checkpoint.history_retention",
							 "Sets how long jobs that nothing refers to are kept after they ended.",
							 "-1 is for ever.",
							 &ckpt_history_retention, 365 * 24 * 60, -1, INT_MAX,
							 PGC_USERSET, GUC_UNIT_MIN,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("checkpoint.progress_interval",
							"Sets the time between two progress reports of a running step.",
							"Zero turns the reports off.",
							&ckpt_progress_interval, 10000, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("checkpoint.publish_lock_timeout",
							"Sets how long a try to lock a published view may make readers wait.",
							"Tries are repeated for checkpoint.publish_timeout.",
							&ckpt_publish_lock_timeout, 100, 1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("checkpoint.publish_timeout",
							"Sets how long a publication waits for readers of a published view.",
							NULL,
							&ckpt_publish_timeout, 60 * 1000, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);

	/* 2 GB, which an int can hold, are not enough */
	DefineCustomRealVariable("checkpoint.max_replica_lag",
							 "Sets how much WAL a standby may not have replayed before steps wait.",
							 "Zero is no limit.",
							 &ckpt_max_replica_lag, 0, 0, MAX_REPLICA_LAG,
							 PGC_USERSET, GUC_UNIT_BYTE,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("checkpoint.max_wal_rate",
							"Sets how much WAL a step may write in a second.",
							"Zero is no limit.",
							&ckpt_max_wal_rate, 0, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);

#ifdef CKPT_TEST_HOOKS
	ckpt_stop_point_init();
#endif

	MarkGUCPrefixReserved("checkpoint");
}

/*
 * _retention() is the setting as an interval, or NULL for ever: what is kept with
 * a checkpoint when it is used.
 */
Datum
checkpoint_retention(PG_FUNCTION_ARGS)
{
	Interval   *interval = palloc0(sizeof(Interval));

	if (ckpt_retention < 0)
		PG_RETURN_NULL();
	interval->day = (int32) (ckpt_retention / (24 * 60));
	interval->time = (int64) ((ckpt_retention - interval->day * 24.0 * 60) * 60 * USECS_PER_SEC);
	PG_RETURN_INTERVAL_P(interval);
}
