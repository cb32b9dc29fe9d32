/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  The one door that our own SQL on the extension's tables goes through.
 *
 * A statement runs as the owner of those tables, with a pinned search_path.  It
 * is a constant with parameters: nothing that a user wrote is executed here.
 * Its plan is kept for the session, but for some times when it is made anew: a
 * session may begin with empty tables and go on until they are large.
 *
 * Results are in the memory context of who opened the statement.
 *
 * IDENTIFICATION
 *	  src/statement.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "hidden.h"
#include "miscadmin.h"
#include "statement.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/*
 * ckpt_arg_datum gives a statement its next parameter.  The functions that follow
 * do so for values of one type; text may be NULL.
 */
void
ckpt_arg_datum(CkptStatement *st, Oid type, Datum value, bool isnull)
{
	Assert(st->nargs < CKPT_MAX_ARGS);
	st->types[st->nargs] = type;
	st->values[st->nargs] = value;
	st->nulls[st->nargs] = isnull ? 'n' : ' ';
	st->nargs++;
}

void
ckpt_arg_int8(CkptStatement *st, int64 value)
{
	ckpt_arg_datum(st, INT8OID, Int64GetDatum(value), false);
}

/* ckpt_arg_count passes a number that may be unknown, which is -1. */
void
ckpt_arg_count(CkptStatement *st, int64 value)
{
	ckpt_arg_datum(st, INT8OID, Int64GetDatum(value), value < 0);
}

void
ckpt_arg_int4(CkptStatement *st, int value)
{
	ckpt_arg_datum(st, INT4OID, Int32GetDatum(value), false);
}

void
ckpt_arg_bool(CkptStatement *st, bool value)
{
	ckpt_arg_datum(st, BOOLOID, BoolGetDatum(value), false);
}

void
ckpt_arg_oid(CkptStatement *st, Oid value)
{
	ckpt_arg_datum(st, OIDOID, ObjectIdGetDatum(value), false);
}

void
ckpt_arg_text(CkptStatement *st, const char *value)
{
	ckpt_arg_datum(st, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0,
				   value == NULL);
}

void
ckpt_arg_array(CkptStatement *st, Oid type, ArrayBuildState *array)
{
	ckpt_arg_datum(st, type, makeArrayResult(array, CurrentMemoryContext), false);
}

/*
 * ckpt_arg_names passes names (char *) as text[].
 */
void
ckpt_arg_names(CkptStatement *st, List *names)
{
	ArrayBuildState *array = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	ListCell   *lc;

	foreach(lc, names)
		array = accumArrayResult(array, CStringGetTextDatum((char *) lfirst(lc)), false,
								 TEXTOID, CurrentMemoryContext);
	ckpt_arg_array(st, TEXTARRAYOID, array);
}

/*
 * ckpt_statement_owner returns the role that owns the extension's tables.
 */
Oid
ckpt_statement_owner(void)
{
	Oid			relid = get_relname_relid("job", get_namespace_oid(CKPT_SCHEMA, false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for table %s.job", CKPT_SCHEMA);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * check_version raises 55000 unless the extension's objects are of this
 * library's version.  It runs with SPI connected, once in a session if all is
 * well.
 */
static void
check_version(void)
{
	static bool checked = false;
	char	   *version;

	if (checked)
		return;
	if (SPI_execute("SELECT extversion FROM pg_extension WHERE extname = 'checkpoint'",
					true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not find extension \"checkpoint\"");
	version = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (strcmp(version, CKPT_VERSION) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"checkpoint\" has version %s, and its library version %s",
						version, CKPT_VERSION),
				 errhint("Bring the extension up to date by ALTER EXTENSION checkpoint UPDATE. A session that is older than an update must connect again.")));
	checked = true;
}

/* All catalogs are hidden, and no relation has changed since that was seen. */
static bool catalogs_hidden = false;

static void
forget_hidden(Datum arg, Oid relid)
{
	catalogs_hidden = false;
}

/*
 * hide_catalogs makes sure that logical replication does not see what is written
 * to the catalogs: subscribers do not get the results that they speak of.
 */
static void
hide_catalogs(void)
{
	STATEMENT(st, "SELECT c.oid::bigint FROM pg_class c"
			  " LEFT JOIN pg_class t ON t.oid = c.reltoastrelid"
			  " WHERE c.relnamespace = 'checkpoint'::regnamespace AND c.relkind = 'r'"
			  " AND (c.relrewrite = 0 OR t.relrewrite = 0) ORDER BY c.oid");
	static bool registered = false;
	List	   *relids = NIL;
	uint64		nrows;
	ListCell   *lc;

	if (catalogs_hidden || !XLogLogicalInfoActive())
		return;
	if (!registered)
		CacheRegisterRelcacheCallback(forget_hidden, (Datum) 0);
	registered = true;

	catalogs_hidden = true;
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
		relids = lappend_oid(relids, (Oid) ckpt_row_int8(row, 1));
	ckpt_statement_close(&st);
	foreach(lc, relids)
	{
		ckpt_hidden_ensure(lfirst_oid(lc));
		catalogs_hidden = false;
	}
}

/* Settings while a statement runs. */
static const char *const pinned[][2] = {
	{"search_path", "pg_catalog, pg_temp"},
	/* a plan made while tables are empty must serve when they are large */
	{"enable_seqscan", "off"},
	{"enable_hashjoin", "off"},
	{"enable_mergejoin", "off"},
	{"jit", "off"},
};

/*
 * is_time_to_plan returns whether a plan is to be made anew after so many uses: 8,
 * 64, 512 and so on, so that making plans costs little of what using them does.
 */
static bool
is_time_to_plan(uint32 uses)
{
	if (uses < 8)
		return false;
	while (uses % 8 == 0)
		uses /= 8;
	return uses == 1;
}

/*
 * prepare_plan makes sure that a statement has a plan that serves now.
 */
static void
prepare_plan(CkptStatement *st)
{
	CkptPlan   *kept = st->plan;
	SPIPlanPtr	plan;

	if (kept->plan && !is_time_to_plan(kept->uses++))
		return;
	check_version();
	plan = SPI_prepare_cursor(st->sql, st->nargs, st->types, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", st->sql,
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	if (kept->plan)
		SPI_freeplan(kept->plan);
	kept->plan = plan;
}

/*
 * ckpt_statement_open runs a statement as the owner of the extension's tables,
 * with search_path pinned, and returns the number of rows; they are in
 * SPI_tuptable until ckpt_statement_close().
 *
 * On error, abort restores the user, the settings and SPI.
 */
uint64
ckpt_statement_open(CkptStatement *st, int expected)
{
	int			rc;

	if (expected != SPI_OK_SELECT)
		hide_catalogs();
	st->caller = CurrentMemoryContext;
	st->save_nestlevel = NewGUCNestLevel();
	GetUserIdAndSecContext(&st->save_userid, &st->save_sec_context);
	SetUserIdAndSecContext(ckpt_statement_owner(),
						   st->save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	for (int i = 0; i < lengthof(pinned); i++)
		(void) set_config_option(pinned[i][0], pinned[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);

	SPI_connect();
	prepare_plan(st);
	if (st->latest)
	{
		CommandCounterIncrement();
		PushActiveSnapshot(GetLatestSnapshot());
	}
	rc = SPI_execute_plan(st->plan->plan, st->values, st->nulls, st->latest, 0);
	if (st->latest)
		PopActiveSnapshot();
	if (rc != expected)
		elog(ERROR, "unexpected SPI result %s from \"%s\"",
			 SPI_result_code_string(rc), st->sql);
	return SPI_processed;
}

/*
 * ckpt_statement_close ends what ckpt_statement_open() began: the rows are gone.
 */
void
ckpt_statement_close(CkptStatement *st)
{
	SPI_finish();
	SetUserIdAndSecContext(st->save_userid, st->save_sec_context);
	AtEOXact_GUC(false, st->save_nestlevel);
	MemoryContextSwitchTo(st->caller);
}

/*
 * ckpt_statement_run runs a statement whose rows are not wanted, and returns
 * their number.
 */
uint64
ckpt_statement_run(CkptStatement *st, int expected)
{
	uint64		nrows = ckpt_statement_open(st, expected);

	ckpt_statement_close(st);
	return nrows;
}

/*
 * ckpt_statement_int8 runs a SELECT of one value and returns it, 0 for NULL, or
 * without_row if there is no row.
 */
int64
ckpt_statement_int8(CkptStatement *st, int64 without_row)
{
	uint64		nrows = ckpt_statement_open(st, SPI_OK_SELECT);
	int64		value = nrows > 0 ? ckpt_row_int8(0, 1) : without_row;

	ckpt_statement_close(st);
	return value;
}

/*
 * ckpt_statement_text runs a SELECT of one value and returns it in the caller's
 * context, or NULL if it is that or there is no row.
 */
char *
ckpt_statement_text(CkptStatement *st)
{
	uint64		nrows = ckpt_statement_open(st, SPI_OK_SELECT);
	char	   *value = nrows > 0 ? ckpt_row_text(st, 0, 1) : NULL;

	ckpt_statement_close(st);
	return value;
}

/*
 * ckpt_row_int8 returns a column of a row of the statement that is open, both
 * counted as SPI does; 0 for NULL.
 */
int64
ckpt_row_int8(uint64 row, int col)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  col, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* ckpt_row_bool does so for a boolean; false for NULL. */
bool
ckpt_row_bool(uint64 row, int col)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  col, &isnull);

	return !isnull && DatumGetBool(value);
}

/* ckpt_row_text returns a copy in the caller's context, or NULL. */
char *
ckpt_row_text(CkptStatement *st, uint64 row, int col)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col);

	return value ? MemoryContextStrdup(st->caller, value) : NULL;
}
