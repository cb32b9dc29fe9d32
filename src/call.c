/*-------------------------------------------------------------------------
 *
 * call.c
 *	  The calls of steps, map() to save(): takes their arguments apart.
 *
 * One table says of each argument its name, its type, the steps that have it,
 * its default and what is checked of it.  The arguments of a call are found by
 * their names in the SQL signature, so their order there does not matter, and a
 * new one is one line of the table wherever it stands.
 *
 * IDENTIFICATION
 *	  src/call.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <limits.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "code.h"
#include "common/int.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "guc.h"
#include "job.h"
#include "nodes/parsenodes.h"
#include "spec.h"
#include "step.h"
#include "transaction.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(checkpoint_map);
PG_FUNCTION_INFO_V1(checkpoint_gen);
PG_FUNCTION_INFO_V1(checkpoint_agg);
PG_FUNCTION_INFO_V1(checkpoint_query);
PG_FUNCTION_INFO_V1(checkpoint_save);
PG_FUNCTION_INFO_V1(checkpoint_check_empty);

/* How an argument is passed, and kept in a CkptSpec. */
typedef enum ArgumentType
{
	ARG_BOOL,					/* boolean, bool */
	ARG_HINT,					/* boolean, int: false, true or CKPT_NONE */
	ARG_INT,					/* integer, int */
	ARG_COUNT,					/* bigint, int64 or CKPT_NONE */
	ARG_FLOAT,					/* double precision, double or CKPT_NONE */
	ARG_INTERVAL,				/* interval, int64 of microseconds or CKPT_NONE */
	ARG_ID,						/* bigint, pointer to int64 or NULL */
	ARG_TEXT,					/* text, char pointer or NULL */
	ARG_WORD					/* text, an enum */
} ArgumentType;

typedef struct Argument
{
	const char *name;
	int			steps;			/* kinds of step that have it: STEP() bits */
	ArgumentType type;
	size_t		offset;			/* of its field in CkptSpec */
	bool		required;		/* must not be null */
	bool		unsupported;	/* has no meaning so far, unless it is null */
	int			dflt;			/* of a number or boolean that is null */
	const int  *setting;		/* whose value is the default, or NULL */
	int			min;			/* of an integer */
	int			max;
	const CkptWords *words;		/* of an enum; the first is the default */

	/* raises if the value, which is in its field, will not do; or NULL */
	void		(*check) (const struct Argument *argument, const void *field);
} Argument;

#define STEP(kind)	(1 << (kind))
#define WITH_UDF	(STEP(CKPT_MAP) | STEP(CKPT_GEN) | STEP(CKPT_AGG))
#define NO_UDF		(STEP(CKPT_QUERY) | STEP(CKPT_SAVE))
#define ALL_STEPS	(WITH_UDF | NO_UDF)
#define CHECKS		STEP(CKPT_CHECK_EMPTY)

/* Not a kind of step: open(), whose step is computed by clients. */
#define OPEN		(1 << 30)

#define FIELD(name)	.offset = offsetof(CkptSpec, name)

static void check_step_name(const Argument *argument, const void *field);
static void check_open_kind(const Argument *argument, const void *field);
static void check_version(const Argument *argument, const void *field);
static void check_error_rate(const Argument *argument, const void *field);
static void check_rate(const Argument *argument, const void *field);
static void check_above_zero(const Argument *argument, const void *field);

/*
 * The arguments, in the order in which they are taken: of several that will not
 * do, the first is reported.  By then the job is known, which the report is
 * recorded at.
 */
static const Argument arguments[] = {
	{"job", ALL_STEPS | CHECKS | OPEN, ARG_ID, FIELD(job)},
	{"step", (ALL_STEPS & ~STEP(CKPT_SAVE)) | CHECKS | OPEN, ARG_TEXT, FIELD(step), .required = true, .check = check_step_name},
	{"step", STEP(CKPT_SAVE), ARG_TEXT, FIELD(step), .check = check_step_name},
	{"target", STEP(CKPT_SAVE), ARG_TEXT, FIELD(target), .required = true},
	{"kind", OPEN, ARG_WORD, FIELD(kind), .required = true, .words = &ckpt_kinds, .check = check_open_kind},
	{"input", WITH_UDF | OPEN, ARG_TEXT, FIELD(query), .required = true},
	{"output", OPEN, ARG_TEXT, FIELD(output), .required = true},
	{"reads", OPEN, ARG_TEXT, FIELD(reads)},
	{"query", NO_UDF | CHECKS, ARG_TEXT, FIELD(query), .required = true},
	{"udf", WITH_UDF, ARG_TEXT, FIELD(udf), .required = true},
	{"partition_by", STEP(CKPT_AGG), ARG_TEXT, FIELD(partition_by), .required = true},
	{"partition_by", OPEN, ARG_TEXT, FIELD(partition_by), .unsupported = true},
	{"materialized", (WITH_UDF & ~STEP(CKPT_AGG)) | STEP(CKPT_QUERY), ARG_HINT, FIELD(materialized)},
	{"as_table", STEP(CKPT_SAVE), ARG_BOOL, FIELD(as_table), .dflt = false},
	{"message", CHECKS, ARG_TEXT, FIELD(message)},
	{"workers", WITH_UDF, ARG_INT, FIELD(workers), .setting = &ckpt_workers, .min = 1, .max = CKPT_MAX_WORKERS},
	{"batch", STEP(CKPT_MAP), ARG_INT, FIELD(batch), .dflt = 0, .min = 1, .max = CKPT_MAX_BATCH},
	{"keep", STEP(CKPT_GEN), ARG_TEXT, FIELD(keep)},
	{"on_error", WITH_UDF, ARG_WORD, FIELD(on_error), .words = &ckpt_on_errors},
	{"max_errors", WITH_UDF, ARG_INT, FIELD(max_errors), .dflt = CKPT_NONE, .max = INT_MAX},
	{"max_error_rate", WITH_UDF, ARG_FLOAT, FIELD(max_error_rate), .check = check_error_rate},
	{"retries", WITH_UDF, ARG_INT, FIELD(retries), .max = 1000},
	{"retry_delay", WITH_UDF, ARG_INTERVAL, FIELD(retry_delay), .dflt = 10000},
	{"unit_timeout", WITH_UDF, ARG_INTERVAL, FIELD(unit_timeout), .dflt = CKPT_NONE, .check = check_above_zero},
	{"rate", WITH_UDF, ARG_FLOAT, FIELD(rate), .check = check_rate},
	{"max_rows", WITH_UDF, ARG_COUNT, FIELD(max_rows), .check = check_above_zero},
	{"max_time", WITH_UDF, ARG_INTERVAL, FIELD(max_time), .dflt = CKPT_NONE, .check = check_above_zero},
	{"cache_enabled", ALL_STEPS | OPEN, ARG_BOOL, FIELD(cache_enabled), .dflt = true},
	{"cache_version", ALL_STEPS, ARG_TEXT, FIELD(cache_version), .check = check_version},
	{"code_version", ALL_STEPS | OPEN, ARG_TEXT, FIELD(code_version), .check = check_version},
	{"depends_on", ALL_STEPS, ARG_TEXT, FIELD(depends_on)},
	{"probe", ALL_STEPS | OPEN, ARG_TEXT, FIELD(probe)},
	{"on_code_change", WITH_UDF | OPEN, ARG_WORD, FIELD(on_code_change), .words = &ckpt_on_code_changes},
};

/*
 * check_step_name raises unless a text, if there is one, can be the name of a step.
 */
static void
check_step_name(const Argument *argument, const void *field)
{
	const char *name = *(char *const *) field;

	if (name == NULL)
		return;
	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a step must have 1 to %d bytes", NAMEDATALEN - 1),
				 errdetail("\"%s\" has %d.", name, (int) strlen(name)),
				 errhint("Later steps use the name as that of a table.")));
	if (ckpt_is_system_column(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a step must not begin with \"%s\"", CKPT_COLUMN_PREFIX),
				 errhint("Such names belong to the extension.")));
}

/*
 * check_open_kind raises unless clients can compute a step of that kind.
 */
static void
check_open_kind(const Argument *argument, const void *field)
{
	CkptKind	kind = *(const CkptKind *) field;

	if (kind != CKPT_MAP && kind != CKPT_GEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be \"%s\"", argument->name,
						ckpt_kind_name(kind)),
				 errhint("Clients compute steps of kind \"map\" or \"gen\".")));
}

/*
 * check_version raises unless a text, if there is one, can be a version.
 */
static void
check_version(const Argument *argument, const void *field)
{
	const char *version = *(char *const *) field;

	if (version && (version[0] == '\0' || strlen(version) > CKPT_MAX_VERSION))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must have 1 to %d bytes", argument->name,
						CKPT_MAX_VERSION),
				 errdetail("It has %d.", (int) strlen(version)),
				 errhint("Pass any text that is not empty, such as '2', or leave the argument out.")));
}

static void
raise_out_of_range(const Argument *argument, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" is out of range", argument->name),
			 errhint("%s", hint)));
}

/*
 * check_error_rate raises unless a number, if there is one, is part of a whole.
 */
static void
check_error_rate(const Argument *argument, const void *field)
{
	double		value = *(const double *) field;

	if (value != CKPT_NONE && !(value >= 0 && value <= 1))
		raise_out_of_range(argument, "Pass a number from 0 to 1.");
}

/*
 * check_rate raises unless a number, if there is one, can be a rate.
 */
static void
check_rate(const Argument *argument, const void *field)
{
	double		value = *(const double *) field;

	if (value != CKPT_NONE && !(value > 0 && value <= CKPT_MAX_RATE))
		raise_out_of_range(argument, "Pass the calls a second, above 0 and at most 1000000.");
}

/*
 * check_above_zero raises unless a count or an interval, if there is one, is
 * above 0.
 */
static void
check_above_zero(const Argument *argument, const void *field)
{
	int64		value = *(const int64 *) field;

	if (value != CKPT_NONE && value <= 0)
		raise_out_of_range(argument, "Pass a value above 0.");
}

/*
 * number_value returns a number; its default for null.
 */
static int
number_value(const Argument *argument, const NullableDatum *arg)
{
	int			value;

	if (arg->isnull)
		return argument->setting ? *argument->setting : argument->dflt;
	value = DatumGetInt32(arg->value);
	if (value < argument->min || value > argument->max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is out of range", argument->name),
				 errdetail("It is %d.", value),
				 errhint("Pass a number from %d to %d.", argument->min, argument->max)));
	return value;
}

/*
 * count_value returns a count; CKPT_NONE for null.
 */
static int64
count_value(const Argument *argument, const NullableDatum *arg)
{
	int64		value = arg->isnull ? CKPT_NONE : DatumGetInt64(arg->value);

	if (!arg->isnull && value < 0)
		raise_out_of_range(argument, "Pass a number that is not negative.");
	return value;
}

/*
 * float_value returns a number; CKPT_NONE for null.
 */
static double
float_value(const Argument *argument, const NullableDatum *arg)
{
	double		value = arg->isnull ? CKPT_NONE : DatumGetFloat8(arg->value);

	if (!arg->isnull && !(value >= 0))
		raise_out_of_range(argument, "Pass a number that is not negative.");
	return value;
}

/*
 * interval_value returns an interval in microseconds, of which a month has
 * those of 30 days; its default for null.
 */
static int64
interval_value(const Argument *argument, const NullableDatum *arg)
{
	const Interval *interval;
	int64		days;
	int64		value;

	if (arg->isnull)
		return argument->dflt;
	interval = DatumGetIntervalP(arg->value);
	days = (int64) interval->month * DAYS_PER_MONTH + interval->day;
	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &value) ||
		pg_add_s64_overflow(value, interval->time, &value) || value < 0)
		raise_out_of_range(argument, "Pass an interval that is finite and not negative.");
	return value;
}

/*
 * word_value returns the value of a word; the first for null.
 */
static int
word_value(const Argument *argument, const NullableDatum *arg)
{
	char	   *word;
	int			value;

	if (arg->isnull)
		return 0;
	word = TextDatumGetCString(arg->value);
	value = ckpt_word_find(argument->words, word);
	if (value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be \"%s\"", argument->name, word),
				 errhint("Pass one of %s.", ckpt_word_list(argument->words))));
	return value;
}

static const int64 *
id_value(const NullableDatum *arg)
{
	int64	   *id;

	if (arg->isnull)
		return NULL;
	id = palloc(sizeof(int64));
	*id = DatumGetInt64(arg->value);
	return id;
}

/*
 * take_argument puts an argument's value, or what NULL stands for, into its
 * field of the spec.
 */
static void
take_argument(const Argument *argument, const NullableDatum *arg, CkptSpec *spec)
{
	void	   *field = (char *) spec + argument->offset;

	if (argument->required && arg->isnull)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be null", argument->name),
				 errhint("Pass a text.")));
	if (argument->unsupported && !arg->isnull)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("argument \"%s\" is not supported yet", argument->name),
				 errhint("Leave the argument out.")));
	switch (argument->type)
	{
		case ARG_BOOL:
			*(bool *) field = arg->isnull ? argument->dflt != 0 : DatumGetBool(arg->value);
			break;
		case ARG_HINT:
			*(int *) field = arg->isnull ? CKPT_NONE : DatumGetBool(arg->value);
			break;
		case ARG_INT:
			*(int *) field = number_value(argument, arg);
			break;
		case ARG_COUNT:
			*(int64 *) field = count_value(argument, arg);
			break;
		case ARG_FLOAT:
			*(double *) field = float_value(argument, arg);
			break;
		case ARG_INTERVAL:
			*(int64 *) field = interval_value(argument, arg);
			break;
		case ARG_ID:
			*(const int64 **) field = id_value(arg);
			break;
		case ARG_TEXT:
			*(char **) field = arg->isnull ? NULL : TextDatumGetCString(arg->value);
			break;
		case ARG_WORD:
			*(int *) field = word_value(argument, arg);
			break;
	}
	if (argument->check)
		argument->check(argument, field);
}

/* A call: its arguments as they come, and what they are taken apart to. */
typedef struct Call
{
	FunctionCallInfo fcinfo;
	int			steps;			/* STEP() of its kind, or OPEN */
	int			nargs;
	char	  **names;			/* of the arguments, in their order */
	CkptSpec   *spec;
} Call;

/*
 * look_up_names finds the names of a call's arguments in its SQL signature.
 */
static void
look_up_names(Call *call)
{
	Oid			function = call->fcinfo->flinfo->fn_oid;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Datum		names;
	Datum		modes;
	bool		no_names;
	bool		no_modes;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	names = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargnames, &no_names);
	modes = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargmodes, &no_modes);
	call->nargs = no_names ? 0 :
		get_func_input_arg_names(names, no_modes ? (Datum) 0 : modes, &call->names);
	ReleaseSysCache(tuple);
	if (call->nargs != call->fcinfo->nargs)
		elog(ERROR, "function %u has arguments without names", function);
}

/*
 * passed_argument returns an argument as it was passed; as null if the SQL
 * signature does not have it.
 */
static NullableDatum
passed_argument(const Call *call, const Argument *argument)
{
	static const Oid types[] = {
		[ARG_BOOL] = BOOLOID,
		[ARG_HINT] = BOOLOID,
		[ARG_INT] = INT4OID,
		[ARG_COUNT] = INT8OID,
		[ARG_FLOAT] = FLOAT8OID,
		[ARG_INTERVAL] = INTERVALOID,
		[ARG_ID] = INT8OID,
		[ARG_TEXT] = TEXTOID,
		[ARG_WORD] = TEXTOID,
	};

	for (int i = 0; i < call->nargs; i++)
	{
		if (strcmp(call->names[i], argument->name) != 0)
			continue;
		if (get_fn_expr_argtype(call->fcinfo->flinfo, i) != types[argument->type])
			elog(ERROR, "argument \"%s\" is not of its type", argument->name);
		return call->fcinfo->args[i];
	}
	return (NullableDatum) {(Datum) 0, true};
}

/*
 * check_names raises if the SQL signature has an argument that the table has
 * not: the SQL objects are newer than the library.
 */
static void
check_names(const Call *call)
{
	for (int i = 0; i < call->nargs; i++)
	{
		bool		known = false;

		for (int j = 0; j < lengthof(arguments); j++)
			known |= (arguments[j].steps & call->steps) != 0 &&
				strcmp(arguments[j].name, call->names[i]) == 0;
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("argument \"%s\" is not known to version %s of the library",
							call->names[i], CKPT_VERSION),
					 errhint("A session that is older than an update of the extension must connect again.")));
	}
}

static void
take_arguments(void *arg)
{
	Call	   *call = (Call *) arg;

	look_up_names(call);
	for (int i = 0; i < lengthof(arguments); i++)
	{
		NullableDatum passed;

		if ((arguments[i].steps & call->steps) == 0)
			continue;
		passed = passed_argument(call, &arguments[i]);
		take_argument(&arguments[i], &passed, call->spec);
	}
	check_names(call);
}

/*
 * check_context raises unless the call is one that may commit.
 */
static void
check_context(FunctionCallInfo fcinfo, CkptKind kind)
{
	char	   *command = psprintf("checkpoint.%s()", ckpt_kind_name(kind));

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block or a function", command),
				 errdetail("Steps commit what they have computed."),
				 errhint("Call it on its own: without BEGIN, and with the driver's autocommit on. DO blocks and procedures in PL/pgSQL, without EXCEPTION, may call it, too, but not procedures with SET or SECURITY DEFINER, nor any in other languages.")));
	ckpt_job_check_writable(command);
}

/*
 * call_step runs the step that a call asks for.
 */
static Datum
call_step(FunctionCallInfo fcinfo, CkptKind kind)
{
	CkptSpec   *spec = palloc0(sizeof(CkptSpec));
	Call		call = {.fcinfo = fcinfo,.steps = STEP(kind),.spec = spec};
	bool		nested = SPI_inside_nonatomic_context();
	ErrorData  *error;

	check_context(fcinfo, kind);
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	spec->kind = kind;

	/* what a step does is not for a snapshot that is as old as the transaction */
	if (XactIsoLevel != XACT_READ_COMMITTED)
		SPI_commit();
	ckpt_transaction_is_ours();
	error = ckpt_subxact_run(take_arguments, &call, CurrentMemoryContext, NULL);
	if (error)
		ckpt_step_refuse(spec, error);
	ckpt_step_run(spec, nested);
	PG_RETURN_VOID();
}

/*
 * ckpt_call_open takes the arguments of open() apart.
 */
CkptSpec *
ckpt_call_open(FunctionCallInfo fcinfo)
{
	CkptSpec   *spec = palloc0(sizeof(CkptSpec));
	Call		call = {.fcinfo = fcinfo,.steps = OPEN,.spec = spec};

	take_arguments(&call);
	spec->workers = 1;
	spec->on_error = CKPT_ERROR_SKIP;
	spec->max_errors = CKPT_NONE;
	spec->max_error_rate = CKPT_NONE;
	spec->unit_timeout = CKPT_NONE;
	spec->rate = CKPT_NONE;
	spec->max_rows = CKPT_NONE;
	spec->max_time = CKPT_NONE;
	return spec;
}

Datum
checkpoint_map(PG_FUNCTION_ARGS)
{
	return call_step(fcinfo, CKPT_MAP);
}

Datum
checkpoint_gen(PG_FUNCTION_ARGS)
{
	return call_step(fcinfo, CKPT_GEN);
}

Datum
checkpoint_agg(PG_FUNCTION_ARGS)
{
	return call_step(fcinfo, CKPT_AGG);
}

Datum
checkpoint_query(PG_FUNCTION_ARGS)
{
	return call_step(fcinfo, CKPT_QUERY);
}

Datum
checkpoint_save(PG_FUNCTION_ARGS)
{
	return call_step(fcinfo, CKPT_SAVE);
}

Datum
checkpoint_check_empty(PG_FUNCTION_ARGS)
{
	return call_step(fcinfo, CKPT_CHECK_EMPTY);
}
