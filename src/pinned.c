/*-------------------------------------------------------------------------
 *
 * pinned.c
 *	  Settings while the extension prints, compares or hashes.
 *
 * Texts of queries, names of types and the text or binary forms of values are
 * stored, and compared with those of other sessions.  So they must not depend
 * on the settings of a session.  This file is the only place that says which
 * settings count, and what they are pinned to.
 *
 * Settings are never pinned while a query, a probe or a function of the user is
 * evaluated: those see the settings of their session.
 *
 * The encoding of the client is not pinned as a setting, which would be too slow
 * for each value that is hashed and is refused in a parallel worker: see
 * ckpt_pinned_send().
 *
 * IDENTIFICATION
 *	  src/pinned.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pinned.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"

/* A stored hash stands for these values: none of them must ever change. */
static const char *const pinned[][2] = {
	{"search_path", "pg_catalog"},
	{"quote_all_identifiers", "off"},
	{"standard_conforming_strings", "on"},
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"TimeZone", "UTC"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"lc_monetary", "C"},
	{"lc_numeric", "C"},
	{"lc_time", "C"},
};

/*
 * ckpt_pinned_begin pins all settings until ckpt_pinned_end(), which gets what
 * is returned here.  After an error, abort restores the settings.
 *
 * Costs some microseconds: to be called for a statement, a column or a batch of
 * rows.
 */
int
ckpt_pinned_begin(void)
{
	int			nestlevel = NewGUCNestLevel();

	for (int i = 0; i < lengthof(pinned); i++)
		(void) set_config_option(pinned[i][0], pinned[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return nestlevel;
}

/*
 * ckpt_pinned_begin_if_needed is ckpt_pinned_begin() for code that the server
 * calls immutable, and for names of objects.  They depend on few settings, which
 * mostly are as they would be pinned: then nothing is done.
 *
 * Cheap enough to be called for each value.
 */
int
ckpt_pinned_begin_if_needed(void)
{
	if (likely(extra_float_digits == 1 && bytea_output == BYTEA_OUTPUT_HEX &&
			   IntervalStyle == INTSTYLE_POSTGRES && !quote_all_identifiers))
		return 0;
	return ckpt_pinned_begin();
}

/*
 * ckpt_pinned_end ends what one of the functions above has begun.
 */
void
ckpt_pinned_end(int nestlevel)
{
	if (nestlevel > 0)
		AtEOXact_GUC(false, nestlevel);
}

/*
 * ckpt_pinned_send returns the binary form of a value, with its texts in the
 * encoding of the database.
 *
 * Send functions convert texts to the encoding of the client.  So the session is
 * made to take the client's encoding for the database's during the call.  The
 * client must not be sent anything meanwhile: reports of less than errors are
 * left out, errors are sent when the encoding is restored, and interrupts, which
 * may end the session with a message, have to wait.
 */
bytea *
ckpt_pinned_send(FmgrInfo *function, Datum value)
{
	int			client_encoding = pg_get_client_encoding();
	int			save_client_min_messages = client_min_messages;
	bytea	   *bytes = NULL;

	/* a client without encoding gets what there is */
	if (client_encoding == GetDatabaseEncoding() || client_encoding == PG_SQL_ASCII)
		return SendFunctionCall(function, value);

	PG_TRY();
	{
		HOLD_INTERRUPTS();
		client_min_messages = ERROR;
		(void) SetClientEncoding(GetDatabaseEncoding());
		bytes = SendFunctionCall(function, value);
		RESUME_INTERRUPTS();
	}
	PG_FINALLY();
	{
		(void) SetClientEncoding(client_encoding);
		client_min_messages = save_client_min_messages;
	}
	PG_END_TRY();
	return bytes;
}
