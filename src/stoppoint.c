/*-------------------------------------------------------------------------
 *
 * stoppoint.c
 *	  Places where a test can stop a process.
 *
 * What happens to a step that is interrupted at one place or another is hard to
 * hit from outside.  So the places have names, and two settings that exist in
 * test builds only say at which of them a process is stopped, and by what:
 *
 *	checkpoint.stop_at	the place, such as "after commit of run"
 *	checkpoint.stop_by	cancel, terminate, timeout: as if that came at this
 *						very moment.  error: raises one.  wait: shows in
 *						pg_stat_activity that it waits, until it is interrupted
 *						from outside.
 *
 * An interrupt is left pending: whatever comes next at that place meets it.
 *
 * IDENTIFICATION
 *	  src/stoppoint.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#ifdef CKPT_TEST_HOOKS

#include <signal.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "stoppoint.h"
#include "storage/latch.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/timeout.h"
#include "utils/wait_event.h"

static char *stop_at = NULL;
static char *stop_by = NULL;

/*
 * ckpt_stop_point_init defines the settings; called by _PG_init.
 */
void
ckpt_stop_point_init(void)
{
	DefineCustomStringVariable("checkpoint.stop_at",
							   "Sets the place where a test stops a step.", NULL,
							   &stop_at, "", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("checkpoint.stop_by",
							   "Sets what a test stops a step by.", NULL,
							   &stop_by, "wait", PGC_USERSET, 0, NULL, NULL, NULL);
}

/*
 * ckpt_stop_point stops the process if this is the place that is set.
 */
void
ckpt_stop_point(const char *place, const char *what)
{
	char		name[NAMEDATALEN];

	if (stop_at[0] == '\0')
		return;
	snprintf(name, NAMEDATALEN, "%s %s", place, what);
	if (strcmp(stop_at, name) != 0)
		return;
	if (strcmp(stop_by, "error") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("stopped %s", name)));
	else if (strcmp(stop_by, "cancel") == 0)
		(void) kill(MyProcPid, SIGINT);
	else if (strcmp(stop_by, "terminate") == 0)
		(void) kill(MyProcPid, SIGTERM);
	else if (strcmp(stop_by, "timeout") == 0)
		enable_timeout_after(STATEMENT_TIMEOUT, 1);
	else
		pgstat_report_activity(STATE_RUNNING, psprintf("stopped %s", name));
	while (!QueryCancelPending && !ProcDiePending)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

#endif							/* CKPT_TEST_HOOKS */
