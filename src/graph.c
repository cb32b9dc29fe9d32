/*-------------------------------------------------------------------------
 *
 * graph.c
 *	  Pictures of a job: its steps, and which of them reads which.
 *
 * A name may hold anything, and must neither end the string that it stands in nor
 * be taken for markup there.  So nodes have numbers, and names stand in labels
 * only, with what the language gives a meaning written otherwise.
 *
 * IDENTIFICATION
 *	  src/graph.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog_picture.h"
#include "fmgr.h"
#include "job.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(checkpoint_dot);
PG_FUNCTION_INFO_V1(checkpoint_mermaid);

/* How an action looks. */
typedef struct Look
{
	const char *action;
	const char *fill;
	const char *line;
} Look;

static const Look looks[] = {
	{"computed", "#cfe2ff", "#2f5d9e"},
	{"continued", "#e0d7fa", "#5b45a0"},
	{"carried over", "#cdf3e1", "#1f7a54"},
	{"reused", "#e6e8ea", "#6c757d"},
	{"inlined", "#ffffff", "#6c757d"},
	{"running", "#fff0b8", "#96760a"},
	{"stopped", "#ffdfba", "#a85c0c"},
	{"failed", "#f8d0d3", "#a02731"},
};

/* A character, or two, that a language gives a meaning, and how to write it. */
typedef struct Escape
{
	char		c;
	const char *text;
} Escape;

/* In Graphviz: of a quoted label, in which entities have a meaning, too. */
static const Escape dot_escapes[] = {
	{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {'&', "&amp;"}, {0, NULL}
};

/* In Mermaid: of a quoted label, in which markup and directives have a meaning, too. */
static const Escape mermaid_escapes[] = {
	{'"', "#quot;"}, {'#', "#35;"}, {'&', "#amp;"}, {'<', "#lt;"}, {'>', "#gt;"},
	{'\\', "#92;"}, {'`', "#96;"}, {'%', "#37;"}, {'[', "#91;"}, {']', "#93;"},
	{'{', "#123;"}, {'}', "#125;"}, {'*', "#42;"}, {'\n', "<br/>"}, {0, NULL}
};

/*
 * look_of returns how an action looks.
 */
static const Look *
look_of(const char *action)
{
	for (int i = 0; i < lengthof(looks); i++)
	{
		if (strcmp(looks[i].action, action) == 0)
			return &looks[i];
	}
	return &looks[3];
}

/*
 * append_escaped writes a text into a label.  Control characters, which no picture
 * shows, become spaces.
 */
static void
append_escaped(StringInfo buf, const Escape *escapes, const char *text)
{
	for (; *text; text++)
	{
		const Escape *e = escapes;

		/* all bytes of a multibyte character have the high bit, in server encodings */
		while (e->text && e->c != *text)
			e++;
		if (e->text)
			appendStringInfoString(buf, e->text);
		else
			appendStringInfoChar(buf, (unsigned char) *text < ' ' || *text == '\177' ? ' ' : *text);
	}
}

/*
 * append_time writes how long something took, for people.
 */
static void
append_time(StringInfo buf, double seconds)
{
	if (seconds < 0.9995)
		appendStringInfo(buf, "%.0f ms", seconds * 1000);
	else if (seconds < 99.95)
		appendStringInfo(buf, "%.1f s", seconds);
	else if (seconds < 5400)
		appendStringInfo(buf, "%.0f min", seconds / 60);
	else if (seconds < 2 * 86400)
		appendStringInfo(buf, "%.1f h", seconds / 3600);
	else
		appendStringInfo(buf, "%.1f days", seconds / 86400);
}

/*
 * rows_text says what has become of a step's rows, or returns NULL if it has none.
 */
static char *
rows_text(const CkptGraphStep *step)
{
	StringInfoData buf;

	if (step->counts.total < 0)
		return NULL;
	initStringInfo(&buf);
	appendStringInfo(&buf, "%lld %s", (long long) step->counts.total,
					 ckpt_unit_word((CkptKind) ckpt_word_find(&ckpt_kinds, step->kind),
									step->counts.total == 1));
	if (step->counts.kept > 0 && step->counts.kept != step->counts.total)
		appendStringInfo(&buf, ", %lld kept", (long long) step->counts.kept);
	if (step->counts.computed > 0 && step->counts.computed != step->counts.total)
		appendStringInfo(&buf, ", %lld computed", (long long) step->counts.computed);
	if (step->counts.failed > 0)
		appendStringInfo(&buf, ", %lld failed", (long long) step->counts.failed);
	if (strcmp(step->kind, "gen") == 0 && step->counts.output >= 0)
		appendStringInfo(&buf, ", %lld out", (long long) step->counts.output);
	return buf.data;
}

/*
 * append_label writes the lines of a step's label.
 */
static void
append_label(StringInfo buf, const Escape *escapes, const CkptGraphStep *step)
{
	StringInfoData lines;
	char	   *rows = rows_text(step);

	initStringInfo(&lines);
	appendStringInfo(&lines, "%s\n%s: %s", step->step, step->kind, step->action);
	if (rows)
		appendStringInfo(&lines, "\n%s", rows);
	if (step->elapsed >= 0 && strcmp(step->action, "inlined") != 0)
	{
		appendStringInfoChar(&lines, '\n');
		append_time(&lines, step->elapsed);
	}
	append_escaped(buf, escapes, lines.data);
}

/*
 * number_of returns the number of the step of that name, or 0.
 */
static int
number_of(List *steps, const char *name)
{
	for (int i = 0; i < list_length(steps); i++)
	{
		if (strcmp(((CkptGraphStep *) list_nth(steps, i))->step, name) == 0)
			return i + 1;
	}
	return 0;
}

/*
 * append_edges writes, in either language, which step reads which.
 */
static void
append_edges(StringInfo buf, List *steps, const char *format)
{
	for (int i = 0; i < list_length(steps); i++)
	{
		ListCell   *lc;

		foreach(lc, ((CkptGraphStep *) list_nth(steps, i))->reads)
		{
			int			from = number_of(steps, (char *) lfirst(lc));

			if (from > 0)
				appendStringInfo(buf, format, from, i + 1);
		}
	}
}

static char *
write_dot(const CkptJob *job, List *steps)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "digraph job {\n\trankdir=LR;\n\tlabelloc=t;\n"
						   "\tfontname=\"Helvetica\";\n\tlabel=\"");
	append_escaped(&buf, dot_escapes, psprintf("%s, job %lld", job->name, (long long) job->job_id));
	appendStringInfoString(&buf, "\";\n\tnode [shape=box, style=\"rounded,filled\","
						   " fontname=\"Helvetica\", fontsize=11];\n"
						   "\tedge [color=\"#6c757d\"];\n");
	foreach(lc, steps)
	{
		const CkptGraphStep *step = (const CkptGraphStep *) lfirst(lc);
		const Look *look = look_of(step->action);

		appendStringInfo(&buf, "\ts%d [label=\"", foreach_current_index(lc) + 1);
		append_label(&buf, dot_escapes, step);
		appendStringInfo(&buf, "\", fillcolor=\"%s\", color=\"%s\"%s];\n", look->fill, look->line,
						 strcmp(step->action, "inlined") == 0 ? ", style=\"rounded,filled,dashed\"" :
						 strcmp(step->kind, "save") == 0 ? ", shape=cylinder, style=filled" : "");
	}
	append_edges(&buf, steps, "\ts%d -> s%d;\n");
	appendStringInfoString(&buf, "}\n");
	return buf.data;
}

/*
 * append_class writes how the steps of one action look, if there are any.
 */
static void
append_class(StringInfo buf, List *steps, const Look *look)
{
	const char *separator = "";
	ListCell   *lc;
	StringInfoData nodes;

	initStringInfo(&nodes);
	foreach(lc, steps)
	{
		if (look_of(((const CkptGraphStep *) lfirst(lc))->action) != look)
			continue;
		appendStringInfo(&nodes, "%ss%d", separator, foreach_current_index(lc) + 1);
		separator = ",";
	}
	if (nodes.len == 0)
		return;
	appendStringInfo(buf, "    classDef a%d fill:%s,stroke:%s,color:#212529%s\n    class %s a%d\n",
					 (int) (look - looks), look->fill, look->line,
					 strcmp(look->action, "inlined") == 0 ? ",stroke-dasharray:4 3" : "",
					 nodes.data, (int) (look - looks));
}

static char *
write_mermaid(const CkptJob *job, List *steps)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "flowchart LR\n");
	foreach(lc, steps)
	{
		const CkptGraphStep *step = (const CkptGraphStep *) lfirst(lc);
		bool		saved = strcmp(step->kind, "save") == 0;

		appendStringInfo(&buf, "    s%d%s", foreach_current_index(lc) + 1, saved ? "[(\"" : "[\"");
		append_label(&buf, mermaid_escapes, step);
		appendStringInfoString(&buf, saved ? "\")]\n" : "\"]\n");
	}
	append_edges(&buf, steps, "    s%d --> s%d\n");
	for (int i = 0; i < lengthof(looks); i++)
		append_class(&buf, steps, &looks[i]);
	return buf.data;
}

/*
 * graph_of writes the graph of the job given, or of the session's.
 */
static Datum
graph_of(FunctionCallInfo fcinfo, char *(*write) (const CkptJob *job, List *steps))
{
	int64		job_arg = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	CkptJob		job;

	ckpt_job_resolve(PG_ARGISNULL(0) ? NULL : &job_arg, &job);
	PG_RETURN_TEXT_P(cstring_to_text(write(&job, ckpt_catalog_graph_steps(job.job_id))));
}

/*
 * dot(job) returns the graph of a job for Graphviz.
 */
Datum
checkpoint_dot(PG_FUNCTION_ARGS)
{
	return graph_of(fcinfo, write_dot);
}

/*
 * mermaid(job) returns the graph of a job for Mermaid.
 */
Datum
checkpoint_mermaid(PG_FUNCTION_ARGS)
{
	return graph_of(fcinfo, write_mermaid);
}
