/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  Which settings of the session code depends on, by what it works with.
 *
 * The server says of a function whether its result may depend on settings (it
 * is not immutable), not on which.  That follows from the types of the values
 * that code works with, its topics: the tables below say which settings matter
 * to which topic.  The text forms of some types depend on settings though the
 * server calls them immutable: see CKPT_TOPICS_TEXT.
 *
 * IDENTIFICATION
 *	  src/settings.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rowhash.h"
#include "settings.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/*
 * The settings that matter to topics.  A setting that has the value which it has
 * where nobody chose one leaves no trace in a fingerprint, so that most results
 * of a version that did not know of settings still serve.
 */
static const struct
{
	int			topics;
	const char *name;
	const char *usual;			/* or NULL */
}			topic_settings[] =
{
	{CKPT_TOPIC_TIME, "TimeZone", "Etc/UTC"},
	{CKPT_TOPIC_TIME, "DateStyle", "ISO, MDY"},
	{CKPT_TOPIC_INTERVAL, "IntervalStyle", "postgres"},
	{CKPT_TOPIC_FLOAT, "extra_float_digits", "1"},
	{CKPT_TOPIC_BYTEA, "bytea_output", "hex"},
	{CKPT_TOPIC_MONEY | CKPT_TOPIC_FORMAT, "lc_monetary", NULL},
	{CKPT_TOPIC_FORMAT, "lc_numeric", NULL},
	{CKPT_TOPIC_FORMAT, "lc_time", NULL},
	{CKPT_TOPIC_SEARCH, "default_text_search_config", NULL},
};

static const struct
{
	const char *word;
	int			topics;
}			topic_words[] =
{
	{"current_date", CKPT_TOPIC_TIME},
	{"current_time", CKPT_TOPIC_TIME},
	{"current_timestamp", CKPT_TOPIC_TIME},
	{"double", CKPT_TOPIC_FLOAT},
	{"float", CKPT_TOPIC_FLOAT},
	{"localtime", CKPT_TOPIC_TIME},
	{"localtimestamp", CKPT_TOPIC_TIME},
	{"real", CKPT_TOPIC_FLOAT},
};

static const char *const format_functions[] = {
	"to_char", "to_date", "to_number", "to_timestamp"
};

static int
topics_of_row(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(type, -1);
	int			topics = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			topics |= ckpt_topics_of_type(TupleDescAttr(desc, i)->atttypid);
	}
	FreeTupleDesc(desc);
	return topics;
}

/*
 * ckpt_topics_of_type returns the topics of values of a type, also those of the
 * parts of such values.
 */
int
ckpt_topics_of_type(Oid type)
{
	Oid			part;

	check_stack_depth();
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case TEXTOID:
		case NUMERICOID:
			return 0;			/* no need to look further */
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return CKPT_TOPIC_TIME;
		case INTERVALOID:
			return CKPT_TOPIC_INTERVAL;
		case FLOAT4OID:
		case FLOAT8OID:
		case POINTOID:
		case LSEGOID:
		case PATHOID:
		case BOXOID:
		case POLYGONOID:
		case LINEOID:
		case CIRCLEOID:
			return CKPT_TOPIC_FLOAT;
		case BYTEAOID:
			return CKPT_TOPIC_BYTEA;
		case CASHOID:
			return CKPT_TOPIC_MONEY;
		case TSVECTOROID:
		case TSQUERYOID:
		case REGCONFIGOID:
			return CKPT_TOPIC_SEARCH;
		default:
			break;
	}
	if (!OidIsValid(type))
		return 0;
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			return ckpt_topics_of_type(getBaseType(type));
		case TYPTYPE_COMPOSITE:
			return topics_of_row(type);
		case TYPTYPE_RANGE:
			return ckpt_topics_of_type(get_range_subtype(type));
		case TYPTYPE_MULTIRANGE:
			return ckpt_topics_of_type(get_multirange_range(type));
		default:
			break;
	}
	part = get_element_type(type);
	return OidIsValid(part) ? ckpt_topics_of_type(part) : 0;
}

/*
 * ckpt_topics_of_function returns what a function of the server is about beyond
 * the types of its arguments and result.
 */
int
ckpt_topics_of_function(const char *name)
{
	for (int i = 0; i < lengthof(format_functions); i++)
	{
		if (strcmp(name, format_functions[i]) == 0)
			return CKPT_TOPIC_FORMAT;
	}
	return 0;
}

/*
 * ckpt_topics_of_word returns the topics of a word of a source that is no name
 * of a function or type.
 */
int
ckpt_topics_of_word(const char *word)
{
	for (int i = 0; i < lengthof(topic_words); i++)
	{
		if (strcmp(word, topic_words[i].word) == 0)
			return topic_words[i].topics;
	}
	return 0;
}

/*
 * ckpt_settings_have returns whether a list of names of settings has a name.
 */
bool
ckpt_settings_have(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (pg_strcasecmp((const char *) lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/*
 * ckpt_settings_add adds a name to a list, unless that has it.
 */
List *
ckpt_settings_add(List *names, const char *name)
{
	return ckpt_settings_have(names, name) ? names : lappend(names, pstrdup(name));
}

/*
 * ckpt_settings_of_topics adds the names of the settings that matter to topics.
 */
List *
ckpt_settings_of_topics(List *names, int topics)
{
	for (int i = 0; topics != 0 && i < lengthof(topic_settings); i++)
	{
		if (topics & topic_settings[i].topics)
			names = ckpt_settings_add(names, topic_settings[i].name);
	}
	return names;
}

/*
 * ckpt_setting_is_default returns whether a setting has the value that it has
 * where nobody chose one.
 */
bool
ckpt_setting_is_default(const char *name)
{
	for (int i = 0; i < lengthof(topic_settings); i++)
	{
		if (strcmp(name, topic_settings[i].name) == 0 && topic_settings[i].usual)
			return strcmp(GetConfigOption(name, false, false), topic_settings[i].usual) == 0;
	}
	return false;
}

/*
 * ckpt_settings_hash returns a hash of the settings that matter to topics.
 */
char *
ckpt_settings_hash(void)
{
	StringInfoData buf;
	char	   *hash;

	initStringInfo(&buf);
	for (int i = 0; i < lengthof(topic_settings); i++)
		appendStringInfo(&buf, "%s\1", GetConfigOption(topic_settings[i].name, false, false));
	hash = ckpt_hash_text(buf.data);
	pfree(buf.data);
	return hash;
}
