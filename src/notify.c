/*-------------------------------------------------------------------------
 *
 * notify.c
 *	  Tells whoever listens that a job has ended.
 *
 * A notification is sent when the transaction commits that puts the job's end on
 * record, and not at all if it does not.  It must not keep the end from being put on
 * record: so it is cut to what the server sends, and left out when the server's queue
 * is nearly full.
 *
 * IDENTIFICATION
 *	  src/notify.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "commands/async.h"
#include "guc.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "notify.h"
#include "utils/fmgroids.h"
#include "utils/json.h"

#define CHANNEL		"checkpoint"

/* The server's own limit is a little higher. */
#define MAX_PAYLOAD	7800

/* A queue that is fuller takes no more from us. */
#define MAX_USAGE	0.9

/*
 * end_as_json writes a job's end, with so many bytes of its error.
 */
static char *
end_as_json(int64 job_id, const char *job, const char *status, const char *error,
			int error_length)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"job_id\": " INT64_FORMAT ", \"job\": ", job_id);
	escape_json(&buf, job);
	appendStringInfoString(&buf, ", \"status\": ");
	escape_json(&buf, status);
	appendStringInfoString(&buf, ", \"error\": ");
	if (error)
		escape_json(&buf, pnstrdup(error, error_length));
	else
		appendStringInfoString(&buf, "null");
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/*
 * ckpt_notify_end notifies the channel "checkpoint" of a job's end, if the setting
 * checkpoint.notify is on.  error may be NULL; a long one is cut.
 */
void
ckpt_notify_end(int64 job_id, const char *job, const char *status, const char *error)
{
	int			length = error ? (int) strlen(error) : 0;
	char	   *payload;

	if (!ckpt_notify)
		return;
	if (DatumGetFloat8(OidFunctionCall0(F_PG_NOTIFICATION_QUEUE_USAGE)) > MAX_USAGE)
	{
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the end of job %lld is not notified: the queue is nearly full",
						(long long) job_id),
				 errhint("See which session listens and has a transaction open: pg_stat_activity.")));
		return;
	}
	/* escaped, a byte has up to six */
	while (strlen(payload = end_as_json(job_id, job, status, error, length)) > MAX_PAYLOAD)
		length = pg_mbcliplen(error, length, length * 3 / 4);
	Async_Notify(CHANNEL, payload);
}
