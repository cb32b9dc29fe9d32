/*-------------------------------------------------------------------------
 *
 * words.c
 *	  The words of SQL calls and catalogs, each list as an enum inside.
 *
 * IDENTIFICATION
 *	  src/words.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "lib/stringinfo.h"

static const char *const kind_words[] = {
	[CKPT_QUERY] = "query",
	[CKPT_MAP] = "map",
	[CKPT_GEN] = "gen",
	[CKPT_AGG] = "agg",
	[CKPT_SAVE] = "save",
	[CKPT_CHECK_EMPTY] = "check_empty",
};

static const char *const job_status_words[] = {
	[CKPT_JOB_RUNNING] = "running",
	[CKPT_JOB_COMPLETE] = "complete",
	[CKPT_JOB_COMPLETE_WITH_ERRORS] = "complete_with_errors",
	[CKPT_JOB_FAILED] = "failed",
	[CKPT_JOB_CANCELLED] = "cancelled",
	[CKPT_JOB_INTERRUPTED] = "interrupted",
	[CKPT_JOB_STOPPED] = "stopped",
};

static const char *const step_action_words[] = {
	[CKPT_STEP_RUNNING] = "running",
	[CKPT_STEP_FAILED] = "failed",
	[CKPT_STEP_COMPUTED] = "computed",
	[CKPT_STEP_CONTINUED] = "continued",
	[CKPT_STEP_CARRIED_OVER] = "carried over",
	[CKPT_STEP_REUSED] = "reused",
	[CKPT_STEP_STOPPED] = "stopped",
	[CKPT_STEP_INLINED] = "inlined",
};

static const char *const phase_words[] = {
	[CKPT_PHASE_READING] = "reading input",
	[CKPT_PHASE_CARRYING] = "carrying over",
	[CKPT_PHASE_RUNNING] = "running",
	[CKPT_PHASE_FINISHING] = "finishing",
};

static const char *const wait_words[] = {
	[CKPT_WAITING_NOT] = "nothing",
	[CKPT_WAITING_PAUSED] = "paused",
	[CKPT_WAITING_RATE] = "rate",
	[CKPT_WAITING_RETRY] = "retry",
	[CKPT_WAITING_WAL_RATE] = "wal rate",
	[CKPT_WAITING_REPLICA_LAG] = "replica lag",
};

static const char *const on_error_words[] = {
	[CKPT_ERROR_STOP] = "stop",
	[CKPT_ERROR_SKIP] = "skip",
};

static const char *const on_code_change_words[] = {
	[CKPT_CODE_CONTINUE] = "continue",
	[CKPT_CODE_RECOMPUTE] = "recompute",
	[CKPT_CODE_RESTART] = "restart",
	[CKPT_CODE_ACCEPT] = "accept",
};

static const char *const publish_when_words[] = {
	[CKPT_PUBLISH_STEP] = "step",
	[CKPT_PUBLISH_END] = "end",
};

#define WORDS(what, words)	{what, words, lengthof(words)}

const CkptWords ckpt_kinds = WORDS("kind of step", kind_words);
const CkptWords ckpt_job_statuses = WORDS("status of a job", job_status_words);
const CkptWords ckpt_step_actions = WORDS("action of a step", step_action_words);
const CkptWords ckpt_phases = WORDS("phase of a step", phase_words);
const CkptWords ckpt_waits = WORDS("reason to wait", wait_words);
const CkptWords ckpt_on_errors = WORDS("on_error", on_error_words);
const CkptWords ckpt_on_code_changes = WORDS("on_code_change", on_code_change_words);
const CkptWords ckpt_publish_whens = WORDS("publish", publish_when_words);

/*
 * ckpt_word returns the word of a value.
 */
const char *
ckpt_word(const CkptWords *words, int value)
{
	if (value < 0 || value >= words->n)
		elog(ERROR, "%d is no %s", value, words->what);
	return words->words[value];
}

/*
 * ckpt_word_find returns the value of a word, or -1 if it is none of them.
 */
int
ckpt_word_find(const CkptWords *words, const char *word)
{
	for (int i = 0; i < words->n; i++)
	{
		if (strcmp(word, words->words[i]) == 0)
			return i;
	}
	return -1;
}

/*
 * ckpt_word_value returns the value of a word that is on record.  It may have
 * been written by a later version of the library.
 */
int
ckpt_word_value(const CkptWords *words, const char *word)
{
	int			value = ckpt_word_find(words, word);

	if (value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s \"%s\" is not known to version %s of the library", words->what,
						word, CKPT_VERSION),
				 errhint("A session that is older than an update of the extension must connect again.")));
	return value;
}

/*
 * ckpt_word_list lists the words, for error messages.
 */
char *
ckpt_word_list(const CkptWords *words)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < words->n; i++)
		appendStringInfo(&buf, "%s\"%s\"", i > 0 ? ", " : "", words->words[i]);
	return buf.data;
}
