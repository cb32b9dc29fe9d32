/*-------------------------------------------------------------------------
 *
 * publish_table.c
 *	  Tables that hold the rows of checkpoints' outputs: makes them, or merges the
 *	  rows into them.
 *
 * A merge finds the rows that differ, and then deletes, updates and inserts these: at
 * most three statements, or none.  Whole rows are compared, of which there may be
 * several of a kind: those that are too many are to be deleted, those that lack to be
 * inserted.  With a primary key whose columns the output has, one of each that have the
 * same key is an update.  Rows differ if their hashes do: the equality is that of content
 * hashes.  Both tables are read once, and the hashes kept in memory; if there are too
 * many for that, or too many rows that differ, a query joins the tables.  A table whose
 * rows Citus keeps elsewhere gets all rows anew if any differ.
 *
 * The statements are the owner's, and everything that a statement of the owner's meets
 * is met: triggers, row security, constraints, defaults.  They take ROW EXCLUSIVE
 * locks on the table.  Constraints that wait for the end of the transaction are
 * checked before the owner's rights are given back: their triggers are the owner's
 * code, too.
 *
 * IDENTIFICATION
 *	  src/publish_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "asuser.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "distributed.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "multiset.h"
#include "publish_table.h"
#include "rowhash.h"
#include "storage/itemptr.h"
#include "target.h"
#include "typetext.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* Rows that are fetched at a time, and that a statement changes at most. */
#define FETCH_ROWS	10000
#define CHUNK_ROWS	1000000

/* With more rows that differ, it is not worth while to look for their keys alone. */
#define PAIR_ROWS	100000

/* The parts that the statements of a merge are made of. */
typedef struct Merge
{
	const char *target;			/* t in the statements */
	const char *source;			/* s */
	char	   *columns;		/* of the target that get values */
	char	   *values;			/* that they get */
	char	   *assignments;	/* the same for an update; "" is that none can differ */
	char	   *target_row;		/* to be compared ... */
	char	   *source_row;		/* ... as the target's types have it */
	char	   *condition;		/* that rows have one key; NULL if they have none */
	char	   *source_key;		/* its columns */
	char	   *no_nulls;		/* that the source's key is one */
	const char *constraint;		/* name of the primary key */
	bool		distributed;	/* tids are no names of the target's rows */
} Merge;

/* Rows that differ: tids of the target's and ids of the source's. */
typedef struct RowList
{
	int64		n;
	int64		room;
	ItemPointerData *tids;		/* or NULL */
	int64	   *ids;			/* or NULL */
} RowList;

/* The rows that differ, and the set that they are found by, if it is. */
typedef struct Differences
{
	RowList		deleted;
	RowList		updated;
	RowList		inserted;
	CkptMultiset *set;
} Differences;

/* Receives rows, the last column of which says where they are, and hashes the others. */
typedef struct HashReceiver
{
	DestReceiver pub;
	MemoryContext cxt;
	CkptRowHasher *hasher;
	bool		(*visit) (const pg_uuid_t *hash, Datum where, Differences *found);
	Differences *found;
} HashReceiver;

/* Parameters of a statement. */
typedef struct Parameters
{
	int			n;
	Oid			types[2];
	Datum		values[2];
} Parameters;

PG_FUNCTION_INFO_V1(checkpoint_row_hash);

/* What is kept with a call of _row_hash(). */
typedef struct RowHasher
{
	Oid			typid;
	int32		typmod;
	CkptRowHasher *hasher;
} RowHasher;

/*
 * _row_hash(row) returns the hash by which a row counts in content hashes.
 */
Datum
checkpoint_row_hash(PG_FUNCTION_ARGS)
{
	HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(0);
	RowHasher  *rh = (RowHasher *) fcinfo->flinfo->fn_extra;
	pg_uuid_t  *result = palloc(sizeof(pg_uuid_t));
	CkptRowSum	sum = {0};

	if (rh == NULL || rh->typid != HeapTupleHeaderGetTypeId(header) ||
		rh->typmod != HeapTupleHeaderGetTypMod(header))
	{
		MemoryContext oldcxt = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		rh = palloc(sizeof(RowHasher));
		rh->typid = HeapTupleHeaderGetTypeId(header);
		rh->typmod = HeapTupleHeaderGetTypMod(header);
		rh->hasher = ckpt_rowhash_create(lookup_rowtype_tupdesc_copy(rh->typid, rh->typmod));
		fcinfo->flinfo->fn_extra = rh;
		MemoryContextSwitchTo(oldcxt);
	}
	ckpt_rowhash_add_record(rh->hasher, &sum, header);
	ckpt_rowhash_to_uuid(&sum, result);
	PG_RETURN_UUID_P(result);
}

static void
append(char **list, const char *separator, const char *item)
{
	*list = **list ? psprintf("%s%s%s", *list, separator, item) : pstrdup(item);
}

/*
 * length_function returns the function that makes values of a type as long as they may
 * be, or NULL if that is never asked for, or cuts nothing off.
 */
static const char *
length_function(Oid typid)
{
	switch (typid)
	{
		case BPCHAROID:
			return "pg_catalog.bpchar";
		case VARCHAROID:
			return "pg_catalog.\"varchar\"";
		case BITOID:
			return "pg_catalog.\"bit\"";
		case VARBITOID:
			return "pg_catalog.varbit";
		default:
			return NULL;
	}
}

/*
 * source_value writes a column of the source as the target's column would hold it.
 * What is too long for that raises, as storing it would.
 */
static char *
source_value(Form_pg_attribute is, Form_pg_attribute was)
{
	char	   *value = psprintf("s.%s", quote_identifier(NameStr(is->attname)));
	int32		typmod = was->atttypmod;
	Oid			base = getBaseTypeAndTypmod(was->atttypid, &typmod);
	const char *function = length_function(base);

	if (is->atttypid == was->atttypid && is->atttypmod == was->atttypmod)
		return value;
	if (typmod == -1 || function == NULL)
		return psprintf("%s::%s", value,
						ckpt_type_text(was->atttypid, was->atttypmod, FORMAT_TYPE_TYPEMOD_GIVEN));
	/* a cast would cut what storing refuses */
	value = psprintf("%s(%s::%s, %d, false)", function, value,
					 ckpt_type_text(base, -1, FORMAT_TYPE_TYPEMOD_GIVEN), typmod);
	return was->atttypid == base ? value :
		psprintf("%s::%s", value, ckpt_type_text(was->atttypid, -1, FORMAT_TYPE_TYPEMOD_GIVEN));
}

/*
 * equal_is_same returns whether two values of a column that are equal are the same, so
 * that a column of the key never has to be updated.
 */
static bool
equal_is_same(Form_pg_attribute att)
{
	switch (att->atttypid)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case UUIDOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		case TEXTOID:
		case VARCHAROID:
			return get_collation_isdeterministic(att->attcollation);
		default:
			return false;
	}
}

/*
 * operator_name writes an operator so that it is found whatever the search_path is.
 */
static char *
operator_name(Oid opno)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(opno));
	Form_pg_operator form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", opno);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	name = psprintf("OPERATOR(%s.%s)",
					quote_identifier(get_namespace_name(form->oprnamespace)),
					NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return name;
}

/*
 * collate_clause writes the collation of a column.
 */
static char *
collate_clause(Form_pg_attribute att)
{
	HeapTuple	tuple;
	Form_pg_collation form;
	char	   *clause;

	if (!OidIsValid(att->attcollation))
		return "";
	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(att->attcollation));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", att->attcollation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	clause = psprintf(" COLLATE %s",
					  quote_qualified_identifier(get_namespace_name(form->collnamespace),
												 NameStr(form->collname)));
	ReleaseSysCache(tuple);
	return clause;
}

/*
 * column_of returns the column of a name among those of an output, or NULL.
 */
static Form_pg_attribute
column_of(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return TupleDescAttr(desc, i);
	}
	return NULL;
}

/*
 * take_key fills in how rows of one primary key are found, and lists the numbers of its
 * columns; not if the output lacks one of them, or rows cannot be joined by it.
 */
static List *
take_key(Merge *merge, Relation rel, Relation index, TupleDesc desc)
{
	List	   *attnums = NIL;
	char	   *condition = "";
	char	   *key = "";
	char	   *no_nulls = "";

	if (index->rd_rel->relam != BTREE_AM_OID)
		return NIL;
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
	{
		AttrNumber	attnum = index->rd_index->indkey.values[i];
		Form_pg_attribute was = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
		Form_pg_attribute is = column_of(desc, NameStr(was->attname));
		Oid			opno = get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
											   index->rd_opcintype[i], BTEqualStrategyNumber);
		char	   *value;

		if (is == NULL || !OidIsValid(opno) ||
			(!op_hashjoinable(opno, was->atttypid) && !op_mergejoinable(opno, was->atttypid)))
			return NIL;
		value = psprintf("(%s%s)", source_value(is, was), collate_clause(was));
		append(&condition, " AND ", psprintf("t.%s %s %s", quote_identifier(NameStr(was->attname)),
											 operator_name(opno), value));
		append(&key, ", ", value);
		append(&no_nulls, " AND ", psprintf("%s IS NOT NULL", value));
		attnums = lappend_int(attnums, attnum);
	}
	merge->condition = condition;
	merge->source_key = key;
	merge->no_nulls = no_nulls;
	merge->constraint = RelationGetRelationName(index);
	return attnums;
}

/*
 * prepare_merge puts the parts of the statements together.
 */
static void
prepare_merge(Merge *merge, const CkptTarget *target, const char *output_table, TupleDesc desc)
{
	Relation	rel = table_open(ckpt_target_relid(target), AccessShareLock);
	List	   *key = NIL;

	memset(merge, 0, sizeof(Merge));
	merge->target = target->qualified;
	merge->source = quote_qualified_identifier(CKPT_DATA_SCHEMA, output_table);
	merge->columns = merge->values = merge->assignments = "";
	merge->target_row = merge->source_row = "";
	merge->distributed = ckpt_is_distributed(RelationGetRelid(rel));
	list_free(RelationGetIndexList(rel));
	if (OidIsValid(rel->rd_pkindex))
	{
		Relation	index = index_open(rel->rd_pkindex, AccessShareLock);

		key = take_key(merge, rel, index, desc);
		index_close(index, NoLock);
	}
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute is = TupleDescAttr(desc, i);
		const char *name = quote_identifier(NameStr(is->attname));
		AttrNumber	attnum = get_attnum(RelationGetRelid(rel), NameStr(is->attname));
		Form_pg_attribute was = TupleDescAttr(RelationGetDescr(rel), attnum - 1);

		append(&merge->columns, ", ", name);
		append(&merge->values, ", ", psprintf("s.%s", name));
		append(&merge->target_row, ", ", psprintf("t.%s", name));
		append(&merge->source_row, ", ", source_value(is, was));
		if (!list_member_int(key, attnum) || !equal_is_same(was))
			append(&merge->assignments, ", ", psprintf("%s = s.%s", name, name));
	}
	table_close(rel, NoLock);
}

/*
 * add_parameters makes the arrays of a list of rows, of at most CHUNK_ROWS from first
 * on, parameters of a statement.
 */
static void
add_parameters(Parameters *params, const RowList *rows, int64 first)
{
	int			n = (int) Min(rows->n - first, CHUNK_ROWS);
	Datum	   *elements = palloc_extended((Size) n * sizeof(Datum), MCXT_ALLOC_HUGE);

	if (rows->tids)
	{
		for (int i = 0; i < n; i++)
			elements[i] = PointerGetDatum(&rows->tids[first + i]);
		params->types[params->n] = TIDARRAYOID;
		params->values[params->n++] =
			PointerGetDatum(construct_array(elements, n, TIDOID, sizeof(ItemPointerData), false,
											TYPALIGN_SHORT));
	}
	if (rows->ids)
	{
		for (int i = 0; i < n; i++)
			elements[i] = Int64GetDatum(rows->ids[first + i]);
		params->types[params->n] = INT8ARRAYOID;
		params->values[params->n++] =
			PointerGetDatum(construct_array(elements, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
											TYPALIGN_DOUBLE));
	}
}

/*
 * execute runs a statement of the owner's, who is the current user, and returns the
 * number of rows.  Some rows of a list, if one is given, are its parameters.
 */
static uint64
execute(const char *sql, int expected, const RowList *rows, int64 first)
{
	Parameters	params = {0};
	int			rc;

	if (rows)
		add_parameters(&params, rows, first);
	rc = SPI_execute_with_args(sql, params.n, params.types, params.values, NULL, false, 0);
	/* a rule of the owner's may have put something else in the statement's place */
	if (rc != expected && rc != SPI_OK_REWRITTEN)
		elog(ERROR, "unexpected SPI result %s from \"%s\"", SPI_result_code_string(rc), sql);
	return SPI_processed;
}

/*
 * execute_chunks runs a statement on all rows of a list.
 */
static void
execute_chunks(const char *sql, int expected, const RowList *rows)
{
	for (int64 first = 0; first < rows->n; first += CHUNK_ROWS)
		(void) execute(sql, expected, rows, first);
}

static void
add_row(RowList *rows, ItemPointer tid, int64 id)
{
	if (rows->n == rows->room)
	{
		rows->room = Max(rows->room * 2, 1024);
		if (tid)
			rows->tids = rows->tids ?
				repalloc_huge(rows->tids, rows->room * sizeof(ItemPointerData)) :
				palloc(rows->room * sizeof(ItemPointerData));
		if (id != 0)
			rows->ids = rows->ids ? repalloc_huge(rows->ids, rows->room * sizeof(int64)) :
				palloc(rows->room * sizeof(int64));
	}
	if (tid)
		rows->tids[rows->n] = *tid;
	if (id != 0)
		rows->ids[rows->n] = id;
	rows->n++;
}

/*
 * note_differences runs a query that tells which rows differ: the target's tid, the
 * source's id, or NULL for one of them.
 */
static void
note_differences(const char *sql, Parameters *params, Differences *found)
{
	MemoryContext cxt = CurrentMemoryContext;
	Portal		portal = SPI_cursor_open_with_args(NULL, sql, params->n, params->types,
												   params->values, NULL, false,
												   CURSOR_OPT_PARALLEL_OK);

	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		MemoryContextSwitchTo(cxt);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		no_tid;
			bool		no_id;
			Datum		tid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &no_tid);
			Datum		id = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &no_id);

			add_row(no_tid ? &found->inserted : no_id ? &found->deleted : &found->updated,
					no_tid ? NULL : (ItemPointer) DatumGetPointer(tid),
					no_id ? 0 : DatumGetInt64(id));
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

/*
 * hash_startup makes the hasher.  Columns count by their places: their names say
 * nothing here.
 */
static void
hash_startup(DestReceiver *dest, int operation, TupleDesc typeinfo)
{
	HashReceiver *receiver = (HashReceiver *) dest;
	MemoryContext oldcxt = MemoryContextSwitchTo(receiver->cxt);
	TupleDesc	desc = CreateTemplateTupleDesc(typeinfo->natts - 1);

	for (int i = 1; i <= desc->natts; i++)
	{
		TupleDescCopyEntry(desc, i, typeinfo, i);
		namestrcpy(&TupleDescAttr(desc, i - 1)->attname, psprintf("f%d", i));
	}
	receiver->hasher = ckpt_rowhash_create(desc);
	MemoryContextSwitchTo(oldcxt);
}

static bool
hash_receive(TupleTableSlot *slot, DestReceiver *dest)
{
	HashReceiver *receiver = (HashReceiver *) dest;
	MemoryContext oldcxt = MemoryContextSwitchTo(receiver->cxt);
	CkptRowSum	sum = {0};
	pg_uuid_t	hash;
	bool		more;

	slot_getallattrs(slot);
	ckpt_rowhash_add(receiver->hasher, &sum, slot->tts_values, slot->tts_isnull);
	ckpt_rowhash_to_uuid(&sum, &hash);
	more = receiver->visit(&hash, slot->tts_values[slot->tts_tupleDescriptor->natts - 1],
						   receiver->found);
	MemoryContextSwitchTo(oldcxt);
	return more;
}

static void
hash_shutdown(DestReceiver *dest)
{
}

/*
 * visit_hashes calls a function with the hash of each row of a query, and where it is;
 * until it returns false.
 */
static void
visit_hashes(const char *sql, Differences *found,
			 bool (*visit) (const pg_uuid_t *hash, Datum where, Differences *found))
{
	HashReceiver receiver = {
		.pub = {hash_receive, hash_startup, hash_shutdown, hash_shutdown, DestTuplestore},
		.cxt = CurrentMemoryContext,
		.visit = visit,
		.found = found
	};
	SPIExecuteOptions options = {.dest = &receiver.pub};
	int			rc = SPI_execute_extended(sql, &options);

	if (rc != SPI_OK_SELECT)
		elog(ERROR, "unexpected SPI result %s from \"%s\"", SPI_result_code_string(rc), sql);
}

/* Puts the hash of a row of the source into the set. */
static bool
add_source_row(const pg_uuid_t *hash, Datum where, Differences *found)
{
	ckpt_multiset_add(found->set, hash);
	return ckpt_multiset_size(found->set) <= (Size) maintenance_work_mem * 1024;
}

/* Takes the hash of a row of the target out of the set. */
static bool
take_target_row(const pg_uuid_t *hash, Datum where, Differences *found)
{
	if (!ckpt_multiset_take(found->set, hash))
		add_row(&found->deleted, (ItemPointer) DatumGetPointer(where), 0);
	return true;
}

/* Looks for the rows of the source whose hashes are left in the set. */
static bool
take_source_row(const pg_uuid_t *hash, Datum where, Differences *found)
{
	if (ckpt_multiset_take(found->set, hash))
		add_row(&found->inserted, NULL, DatumGetInt64(where));
	return ckpt_multiset_members(found->set) > 0;
}

/*
 * compare_in_memory finds the rows that differ by a set of the hashes of whole rows.
 * Returns false if there are too many for maintenance_work_mem.
 */
static bool
compare_in_memory(const Merge *merge, Differences *found)
{
	char	   *target = psprintf("SELECT %s, t.ctid FROM ONLY %s AS t",
								  merge->target_row, merge->target);
	char	   *source = psprintf("SELECT %s, s.sys__id FROM ONLY %s AS s",
								  merge->source_row, merge->source);

	found->set = ckpt_multiset_create();
	visit_hashes(source, found, add_source_row);
	if (ckpt_multiset_size(found->set) > (Size) maintenance_work_mem * 1024)
		return false;
	visit_hashes(target, found, take_target_row);
	if (ckpt_multiset_members(found->set) > 0)
		visit_hashes(source, found, take_source_row);
	return true;
}

/*
 * refuse_second_row raises 23505 if the output has two rows of one key: of them, the
 * second would replace the first where the table has that key.
 */
static void
refuse_second_row(const Merge *merge)
{
	char	   *sql = psprintf("SELECT ROW(%s)::pg_catalog.text FROM ONLY %s AS s WHERE %s"
							   " GROUP BY %s HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 LIMIT 1",
							   merge->source_key, merge->source, merge->no_nulls, merge->source_key);

	if (execute(sql, SPI_OK_SELECT, NULL, 0) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("duplicate key value violates unique constraint \"%s\"", merge->constraint),
			 errdetail("The query returned several rows with key %s.",
					   SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)),
			 errhint("Let the query return one row for each key.")));
}

/*
 * count_rows counts the rows of a table that the current user sees.
 */
static int64
count_rows(const char *table)
{
	bool		isnull;

	(void) execute(psprintf("SELECT pg_catalog.count(*) FROM ONLY %s", table), SPI_OK_SELECT, NULL, 0);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/*
 * difference_query writes the query that tells which rows differ.
 */
static char *
difference_query(const Merge *merge)
{
	char	   *target_hash = psprintf("checkpoint._row_hash(ROW(%s))", merge->target_row);
	char	   *source_hash = psprintf("checkpoint._row_hash(ROW(%s))", merge->source_row);

	if (merge->condition)
		return psprintf("SELECT t.ctid, s.sys__id FROM ONLY %s AS t FULL JOIN ONLY %s AS s ON %s"
						" WHERE t.ctid IS NULL OR s.sys__id IS NULL OR %s OPERATOR(pg_catalog.<>) %s",
						merge->target, merge->source, merge->condition, target_hash, source_hash);
	return psprintf("SELECT t.tid, s.id FROM"
					" (SELECT x.*, pg_catalog.row_number() OVER (PARTITION BY h) AS n"
					"   FROM (SELECT t.ctid AS tid, %s AS h FROM ONLY %s AS t) x) t"
					" FULL JOIN"
					" (SELECT x.*, pg_catalog.row_number() OVER (PARTITION BY h) AS n"
					"   FROM (SELECT s.sys__id AS id, %s AS h FROM ONLY %s AS s) x) s"
					" ON t.h OPERATOR(pg_catalog.=) s.h AND t.n OPERATOR(pg_catalog.=) s.n"
					" WHERE t.tid IS NULL OR s.id IS NULL",
					target_hash, merge->target, source_hash, merge->source);
}

/*
 * pair_rows makes, of a row to be deleted and one to be inserted that have the same
 * key, an update.  Returns false if there are too many of them.
 */
static bool
pair_rows(const Merge *merge, Differences *found)
{
	Differences all = *found;
	Parameters	params = {0};

	if (merge->condition == NULL || all.deleted.n == 0 || all.inserted.n == 0)
		return true;
	if (all.deleted.n > PAIR_ROWS || all.inserted.n > PAIR_ROWS)
		return false;
	add_parameters(&params, &all.deleted, 0);
	add_parameters(&params, &all.inserted, 0);
	memset(found, 0, sizeof(Differences));
	note_differences(psprintf("SELECT t.ctid, s.sys__id FROM"
							  " (SELECT t.ctid, t.* FROM ONLY %s AS t"
							  "   WHERE t.ctid OPERATOR(pg_catalog.=) ANY ($1)) AS t"
							  " FULL JOIN (SELECT * FROM ONLY %s AS s"
							  "   WHERE s.sys__id OPERATOR(pg_catalog.=) ANY ($2)) AS s ON %s",
							  merge->target, merge->source, merge->condition), &params, found);
	/* each row of the target has met one */
	if (found->updated.n > all.deleted.n - found->deleted.n)
		refuse_second_row(merge);
	return true;
}

/*
 * insert_all inserts all rows of the source and returns their number.
 */
static uint64
insert_all(const Merge *merge)
{
	return execute(psprintf("INSERT INTO %s (%s) SELECT %s FROM ONLY %s AS s", merge->target,
							merge->columns, merge->values, merge->source),
				   SPI_OK_INSERT, NULL, 0);
}

/*
 * hash_sum returns the sum of the hashes of a table's rows, written as s or t.
 */
static char *
hash_sum(const char *row, const char *table, const char *alias)
{
	(void) execute(psprintf("SELECT checkpoint._hash_sum(checkpoint._row_hash(ROW(%s)))"
							" FROM ONLY %s AS %s", row, table, alias), SPI_OK_SELECT, NULL, 0);
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/*
 * replace_rows is merge_rows() for a target whose rows cannot be told apart by their
 * tids: all of them are replaced if any differs.
 */
static bool
replace_rows(const Merge *merge)
{
	char	   *is = hash_sum(merge->source_row, merge->source, "s");
	char	   *was = hash_sum(merge->target_row, merge->target, "t");

	if (is == was || (is && was && strcmp(is, was) == 0))
		return false;
	(void) execute(psprintf("DELETE FROM ONLY %s", merge->target), SPI_OK_DELETE, NULL, 0);
	(void) insert_all(merge);
	return true;
}

/*
 * find_differences finds the rows that differ.
 */
static void
find_differences(const Merge *merge, Differences *found)
{
	if (compare_in_memory(merge, found) && pair_rows(merge, found))
		return;
	memset(found, 0, sizeof(Differences));
	note_differences(difference_query(merge), &(Parameters) {0}, found);
	/* as many of the one as of the other have met a row of their key, if each met one */
	if (merge->condition &&
		count_rows(merge->target) - found->deleted.n != count_rows(merge->source) - found->inserted.n)
		refuse_second_row(merge);
}

/*
 * merge_rows makes the target's rows those of the source, and returns whether any
 * differed.  It runs as the owner, with SPI connected.
 */
static bool
merge_rows(const Merge *merge)
{
	Differences found = {{0}};

	if (execute(psprintf("SELECT FROM ONLY %s LIMIT 1", merge->target), SPI_OK_SELECT, NULL, 0) == 0)
		return insert_all(merge) > 0;
	if (merge->distributed)
		return replace_rows(merge);
	find_differences(merge, &found);
	execute_chunks(psprintf("DELETE FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.=) ANY ($1)",
							merge->target), SPI_OK_DELETE, &found.deleted);
	execute_chunks(psprintf("UPDATE ONLY %s AS t SET %s"
							" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS d (tid, id),"
							" ONLY %s AS s"
							" WHERE t.ctid OPERATOR(pg_catalog.=) d.tid AND s.sys__id OPERATOR(pg_catalog.=) d.id",
							merge->target, merge->assignments, merge->source),
				   SPI_OK_UPDATE, &found.updated);
	execute_chunks(psprintf("INSERT INTO %s (%s) SELECT %s FROM ONLY %s AS s"
							" WHERE s.sys__id OPERATOR(pg_catalog.=) ANY ($1)",
							merge->target, merge->columns, merge->values, merge->source),
				   SPI_OK_INSERT, &found.inserted);
	return found.deleted.n + found.updated.n + found.inserted.n > 0;
}

/*
 * ckpt_table_merge makes the rows of a table those of an output, whose columns desc
 * has, and returns whether any differed.
 */
bool
ckpt_table_merge(const CkptTarget *target, const char *output_table, TupleDesc desc, Oid owner)
{
	CkptUser	saved = ckpt_user_become(owner);
	Merge		merge;
	bool		changed;

	SPI_connect();
	prepare_merge(&merge, target, output_table, desc);
	changed = merge_rows(&merge);
	SPI_finish();
	ckpt_user_restore(saved);
	return changed;
}

/*
 * run_utility runs a command of the owner's.
 */
static void
run_utility(const char *sql, Oid owner)
{
	CkptUser	saved = ckpt_user_become(owner);

	SPI_connect();
	(void) execute(sql, SPI_OK_UTILITY, NULL, 0);
	SPI_finish();
	ckpt_user_restore(saved);
}

/*
 * ckpt_table_make makes a table with the rows of an output.
 */
void
ckpt_table_make(const CkptTarget *target, const char *output_table, TupleDesc desc, Oid owner)
{
	char	   *columns = "";
	int			nestlevel;

	for (int i = 0; i < desc->natts; i++)
		append(&columns, ", ", quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
	nestlevel = NewGUCNestLevel();
	ckpt_distributed_keep_local();
	run_utility(psprintf("CREATE TABLE %s AS SELECT %s FROM ONLY %s", target->qualified, columns,
						 quote_qualified_identifier(CKPT_DATA_SCHEMA, output_table)), owner);
	AtEOXact_GUC(true, nestlevel);
}

/*
 * ckpt_table_check_constraints checks what constraints have put off to the end of the
 * transaction, as the tables' owner.
 */
void
ckpt_table_check_constraints(Oid owner)
{
	run_utility("SET CONSTRAINTS ALL IMMEDIATE", owner);
}

/*
 * ckpt_table_drop drops a table, unless something depends on it.
 */
void
ckpt_table_drop(const CkptTarget *target, Oid owner)
{
	run_utility(psprintf("DROP TABLE %s", target->qualified), owner);
}
