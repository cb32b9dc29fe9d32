/*-------------------------------------------------------------------------
 *
 * plans.c
 *	  Cached plans that are not those of the code any more.
 *
 * PL/pgSQL and others cache plans.  The server makes a plan anew when something
 * that it uses has changed, but not when a name would be found elsewhere now: when
 * there is a function with arguments that fit better, a cast, a type that comes
 * first in the search_path.  Nor does it when a setting has changed that a constant
 * was turned into text with.  Fingerprints see all of this, so before code is run
 * the plans are discarded that may be older than the fingerprint.
 *
 * That costs milliseconds, since all of the session's plans go.  So it is done only
 * if a function or a cast was made or changed since the last time, here or
 * elsewhere, or a setting, or if an expression has another fingerprint than when it
 * was run last.
 *
 * IDENTIFICATION
 *	  src/plans.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "plans.h"
#include "settings.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/plancache.h"
#include "utils/syscache.h"

/* Expressions that a session remembers at most. */
#define MAX_RUNS	64

/* What was run since the plans were discarded last. */
typedef struct Run
{
	char		expression[33];
	char		code[33];
} Run;

static bool catalog_changed = true;
static char settings[33];
static Run	runs[MAX_RUNS];
static int	nruns = 0;

static void
note_change(Datum arg, int cacheid, uint32 hashvalue)
{
	catalog_changed = true;
}

/*
 * watch_catalog lets changes of functions and casts be noted.
 */
static void
watch_catalog(void)
{
	static bool watching = false;

	if (watching)
		return;
	CacheRegisterSyscacheCallback(PROCOID, note_change, (Datum) 0);
	CacheRegisterSyscacheCallback(CASTSOURCETARGET, note_change, (Datum) 0);
	watching = true;
}

/*
 * expression_of returns the hash that code's expression has among its components;
 * of code that the user answers for, that of its version.
 */
static void
expression_of(const CkptCode *code, char *expression)
{
	static const char mark[] = "\"expression\": \"";
	const char *found = strstr(code->components, mark);

	strlcpy(expression, found ? found + strlen(mark) : code->hash, 33);
}

/*
 * is_new returns whether code is to be noted, because its expression was not run
 * since the plans were discarded; *other whether it was run as other code.
 */
static bool
is_new(const CkptCode *code, const char *expression, bool *other)
{
	*other = false;
	for (int i = 0; i < nruns; i++)
	{
		if (strcmp(runs[i].expression, expression) != 0)
			continue;
		*other = strcmp(runs[i].code, code->hash) != 0;
		return false;
	}
	return true;
}

/*
 * ckpt_plans_renew is to be called before code is run.
 */
void
ckpt_plans_renew(const CkptCode *code)
{
	char		expression[33];
	char	   *settings_now;
	bool		other;
	bool		new;

	if (strstr(code->components, "\"function ") == NULL &&
		strstr(code->components, "\"code_version\"") == NULL)
		return;
	watch_catalog();
	expression_of(code, expression);
	settings_now = ckpt_settings_hash();
	new = is_new(code, expression, &other);
	if (catalog_changed || other || nruns == MAX_RUNS || strcmp(settings, settings_now) != 0)
	{
		catalog_changed = false;
		ResetPlanCache();
		/* a domain's checks are kept as planned, with functions that were inlined */
		CallSyscacheCallbacks(CONSTROID, 0);
		strlcpy(settings, settings_now, sizeof(settings));
		nruns = 0;
		new = true;
	}
	pfree(settings_now);
	if (new)
	{
		strlcpy(runs[nruns].expression, expression, sizeof(runs[nruns].expression));
		strlcpy(runs[nruns].code, code->hash, sizeof(runs[nruns].code));
		nruns++;
	}
}
