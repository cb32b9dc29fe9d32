/*-------------------------------------------------------------------------
 *
 * result_table.c
 *	  The users' tables in schema checkpoint_data: name, make, check, drop.
 *
 * The tables belong to the user who runs the job, who needs no right to create
 * anything in the schema: the extension's owner makes them on the user's
 * behalf.  The catalogs know them by name; what stands under a name is checked
 * before it is used, since its owner may do with it as he likes.
 *
 * A trigger makes the tables read-only for SQL, also for superusers and through
 * views.  The extension writes with the table access method's functions, which
 * know of no triggers.
 *
 * An input may be a view of a table that has its rows as they are to be: the output
 * of another checkpoint.  Who asks for the rows of a name gets that table.
 *
 * IDENTIFICATION
 *	  src/result_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/toasting.h"
#include "commands/tablecmds.h"
#include "commands/tablespace.h"
#include "commands/trigger.h"
#include "commands/view.h"
#include "distributed.h"
#include "hidden.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "pinned.h"
#include "plain_query.h"
#include "result_table.h"
#include "rowhash.h"
#include "statement.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "typetext.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* The trigger that keeps SQL from writing to a table. */
#define TRIGGER_NAME	"checkpoint_read_only"

PG_FUNCTION_INFO_V1(checkpoint_read_only);

/*
 * ckpt_result_table_name makes <job>_<step>_<checkpoint id>_<what>, with job and
 * step cut so that it fits.  The checkpoint's id keeps it unique all the same.
 */
char *
ckpt_result_table_name(const char *job, const char *step, int64 checkpoint_id,
					   const char *what)
{
	char	   *tail = psprintf("_" INT64_FORMAT "_%s", checkpoint_id, what);
	int			room = NAMEDATALEN - 1 - (int) strlen(tail) - 1;
	int			job_len = (int) strlen(job);
	int			step_len = (int) strlen(step);

	/* the longer one gives way */
	if (job_len + step_len > room)
	{
		if (job_len <= room / 2)
			step_len = room - job_len;
		else if (step_len <= room / 2)
			job_len = room - step_len;
		else
		{
			job_len = room / 2;
			step_len = room - job_len;
		}
		job_len = pg_mbcliplen(job, (int) strlen(job), job_len);
		step_len = pg_mbcliplen(step, (int) strlen(step), step_len);
	}
	return psprintf("%.*s_%.*s%s", job_len, job, step_len, step, tail);
}

/*
 * make_read_only gives a table the trigger that keeps SQL from writing to it, as
 * the table's owner, who has the right to.  Its arguments say for which role the
 * table was made, by its name and by its OID in this cluster: see retention.c.
 *
 * The upgrade script makes the same trigger.
 */
static void
make_read_only(Oid relid, Oid owner)
{
	CreateTrigStmt *trigger = makeNode(CreateTrigStmt);
	Oid			save_userid;
	int			save_sec_context;

	trigger->trigname = pstrdup(TRIGGER_NAME);
	trigger->funcname = list_make2(makeString(pstrdup(CKPT_SCHEMA)),
								   makeString(pstrdup("_read_only")));
	trigger->args = list_make2(makeString(GetUserNameFromId(owner, false)),
							   makeString(psprintf("%u/" UINT64_FORMAT, owner,
												   GetSystemIdentifier())));
	trigger->timing = TRIGGER_TYPE_BEFORE;
	trigger->events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE |
		TRIGGER_TYPE_TRUNCATE;
	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	SetUserIdAndSecContext(owner, save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	(void) CreateTriggerFiringOn(trigger, NULL, relid, InvalidOid, InvalidOid, InvalidOid,
								 InvalidOid, InvalidOid, NULL, false, false,
								 TRIGGER_FIRES_ALWAYS);
	SetUserIdAndSecContext(save_userid, save_sec_context);
}

/*
 * _read_only() is that trigger's function.
 */
Datum
checkpoint_read_only(PG_FUNCTION_ARGS)
{
	Relation	rel;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("checkpoint._read_only() must be called as a trigger"),
				 errhint("It makes result tables read-only, and is of no other use.")));
	rel = ((TriggerData *) fcinfo->context)->tg_relation;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("result table \"%s.%s\" is read-only",
					get_namespace_name(RelationGetNamespace(rel)),
					RelationGetRelationName(rel)),
			 errdetail("It has rows of a checkpoint, which other steps and later runs may use."),
			 errhint("Change a copy of it: CREATE TABLE ... AS SELECT ...")));
	return (Datum) 0;			/* not reached */
}

/*
 * has_trigger returns whether a table has the trigger.
 */
static bool
has_trigger(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TriggerDesc *triggers = rel->trigdesc;
	bool		found = false;

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
		found |= strcmp(triggers->triggers[i].tgname, TRIGGER_NAME) == 0;
	table_close(rel, NoLock);
	return found;
}

/*
 * set_replica_identity says what of old rows goes to the log for subscribers.
 */
static void
set_replica_identity(Oid relid, char identity)
{
	Relation	pg_class = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	if (((Form_pg_class) GETSTRUCT(tuple))->relreplident != identity)
	{
		((Form_pg_class) GETSTRUCT(tuple))->relreplident = identity;
		CatalogTupleUpdate(pg_class, &tuple->t_self, tuple);
		CommandCounterIncrement();
	}
	heap_freetuple(tuple);
	table_close(pg_class, RowExclusiveLock);
}

/*
 * ckpt_result_table_protect makes a table read-only that should be but is not:
 * one that comes from a dump of version 1.0, or whose trigger was dropped.
 *
 * Nothing is done to a table that cannot be used as one made for the owner.
 */
void
ckpt_result_table_protect(const char *name, Oid owner)
{
	Oid			relid = ckpt_result_table_rows(name);

	if (ckpt_result_table_fault(name, owner, NULL) || has_trigger(relid))
		return;
	LockRelationOid(relid, ShareRowExclusiveLock);
	if (has_trigger(relid))
		return;					/* another process has made it */
	set_replica_identity(relid, REPLICA_IDENTITY_DEFAULT);
	make_read_only(relid, owner);
}

/*
 * ckpt_result_table_make_writable lets SQL write to a table.  Without a replica
 * identity, UPDATE and DELETE would be refused where all tables are published.
 */
void
ckpt_result_table_make_writable(const char *name)
{
	Oid			relid = ckpt_result_table_lookup(name);
	ObjectAddress address;

	if (!has_trigger(relid))
		return;
	LockRelationOid(relid, AccessExclusiveLock);
	set_replica_identity(relid, REPLICA_IDENTITY_FULL);
	ObjectAddressSet(address, TriggerRelationId, get_trigger_oid(relid, TRIGGER_NAME, false));
	performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	CommandCounterIncrement();
}

static List *
column_definitions(TupleDesc desc)
{
	List	   *columns = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		ColumnDef  *column = makeColumnDef(NameStr(att->attname), att->atttypid,
										   att->atttypmod, att->attcollation);

		column->storage = att->attstorage;
		columns = lappend(columns, column);
	}
	return columns;
}

/*
 * ckpt_result_table_create makes an empty read-only table with the given
 * columns, stored as they say, which belongs to the given role, and returns its
 * OID.
 *
 * Default tablespace and the like are the session's; the role must have the
 * right to use that tablespace.
 */
Oid
ckpt_result_table_create(const char *name, TupleDesc desc, Oid owner)
{
	CreateStmt *create = makeNode(CreateStmt);
	Oid			tablespace = GetDefaultTablespace(RELPERSISTENCE_PERMANENT, false);
	ObjectAddress address;
	Oid			save_userid;
	int			save_sec_context;

	if (OidIsValid(tablespace) && tablespace != MyDatabaseTableSpace)
	{
		AclResult	aclresult = ckpt_tablespace_aclcheck(tablespace, owner);

		if (aclresult != ACLCHECK_OK)
			aclcheck_error(aclresult, OBJECT_TABLESPACE,
						   get_tablespace_name(tablespace));
	}

	create->relation = makeRangeVar(pstrdup(CKPT_DATA_SCHEMA), pstrdup(name), -1);
	create->oncommit = ONCOMMIT_NOOP;
	create->accessMethod = pstrdup("heap");
	create->tableElts = column_definitions(desc);

	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	SetUserIdAndSecContext(ckpt_statement_owner(),
						   save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	address = DefineRelation(create, RELKIND_RELATION, owner, NULL, NULL);
	CommandCounterIncrement();
	NewRelationCreateToastTable(address.objectId, (Datum) 0);
	SetUserIdAndSecContext(save_userid, save_sec_context);

	CommandCounterIncrement();
	make_read_only(address.objectId, owner);
	CommandCounterIncrement();
	ckpt_hidden_ensure(address.objectId);
	return address.objectId;
}

/*
 * ckpt_result_table_create_view makes a view that shows a table as it is, which has the
 * given columns.  It belongs to the given role, as the table does.
 */
void
ckpt_result_table_create_view(const char *name, TupleDesc desc, const char *table, Oid owner)
{
	CreateStmt *create = makeNode(CreateStmt);
	StringInfoData sql;
	ObjectAddress address;
	Query	   *query;
	Oid			save_userid;
	int			save_sec_context;

	initStringInfo(&sql);
	for (int i = 0; i < desc->natts; i++)
		appendStringInfo(&sql, "%s %s", i == 0 ? "SELECT" : ",",
						 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
	appendStringInfo(&sql, " FROM ONLY %s", quote_qualified_identifier(CKPT_DATA_SCHEMA, table));
	create->relation = makeRangeVar(pstrdup(CKPT_DATA_SCHEMA), pstrdup(name), -1);
	create->oncommit = ONCOMMIT_NOOP;
	create->tableElts = column_definitions(desc);

	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	SetUserIdAndSecContext(ckpt_statement_owner(),
						   save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	address = DefineRelation(create, RELKIND_VIEW, owner, NULL, NULL);
	CommandCounterIncrement();
	SetUserIdAndSecContext(owner, save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	query = parse_analyze_fixedparams(linitial_node(RawStmt,
													raw_parser(sql.data, RAW_PARSE_DEFAULT)),
									  sql.data, NULL, 0, NULL);
	StoreViewQuery(address.objectId, query, false);
	SetUserIdAndSecContext(save_userid, save_sec_context);
	CommandCounterIncrement();
}

/*
 * ckpt_result_table_lookup returns the OID of the table of that name, or of the view
 * that is an input, or InvalidOid.
 */
Oid
ckpt_result_table_lookup(const char *name)
{
	return get_relname_relid(name, get_namespace_oid(CKPT_DATA_SCHEMA, false));
}

/*
 * shows_all returns whether a plain query has so many columns, which are the first
 * ones of its relation, in their order.
 */
static bool
shows_all(const Query *query, int natts)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		if (((Var *) lfirst_node(TargetEntry, lc)->expr)->varattno != foreach_current_index(lc) + 1)
			return false;
	}
	return list_length(query->targetList) == natts;
}

/*
 * shown_table returns the result table that a view shows as it is, or InvalidOid.  The
 * view's owner may have replaced it: what another role has is not shown.
 */
static Oid
shown_table(Relation view)
{
	RuleLock   *rules = view->rd_rules;
	Oid			result = InvalidOid;

	for (int i = 0; rules && i < rules->numLocks; i++)
	{
		Query	   *query = linitial_node(Query, rules->rules[i]->actions);
		RangeTblEntry *rte = ckpt_plain_query(query);
		HeapTuple	tuple;
		Form_pg_class form;

		if (rules->rules[i]->event != CMD_SELECT || rte == NULL ||
			!shows_all(query, RelationGetNumberOfAttributes(view)))
			continue;
		tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(rte->relid));
		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_class) GETSTRUCT(tuple);
		if (form->relkind == RELKIND_RELATION && form->relnatts == RelationGetNumberOfAttributes(view) &&
			form->relnamespace == RelationGetNamespace(view) &&
			form->relowner == view->rd_rel->relowner)
			result = form->oid;
		ReleaseSysCache(tuple);
	}
	return result;
}

/*
 * open_rows opens and locks the table that has the rows of a name: the one of that
 * name or, if that is a view, the one that it shows.  The view then stays locked, so
 * that it shows that table until the transaction ends.  NULL if there is nothing of
 * that name.
 */
static Relation
open_rows(const char *name, LOCKMODE lockmode)
{
	RangeVar   *rv = makeRangeVar(pstrdup(CKPT_DATA_SCHEMA), pstrdup(name), -1);
	Relation	rel = relation_openrv_extended(rv, lockmode, true);
	Oid			shown;

	if (rel == NULL || rel->rd_rel->relkind != RELKIND_VIEW)
		return rel;
	shown = shown_table(rel);
	if (!OidIsValid(shown))
		return rel;
	relation_close(rel, NoLock);
	return relation_open(shown, lockmode);
}

/*
 * ckpt_result_table_rows returns the OID of the table that has the rows of a name, or
 * InvalidOid, also if that is a view which shows something else.  Whoever needs it to be
 * there a moment later has it locked.
 */
Oid
ckpt_result_table_rows(const char *name)
{
	Oid			relid = ckpt_result_table_lookup(name);
	Relation	view;
	Oid			shown;

	if (!OidIsValid(relid) || get_rel_relkind(relid) != RELKIND_VIEW)
		return relid;
	view = try_relation_open(relid, AccessShareLock);
	shown = view ? shown_table(view) : InvalidOid;
	if (view)
		relation_close(view, AccessShareLock);
	return shown;
}

/*
 * ckpt_columns_text writes the names and types of columns as text that can be
 * stored and compared.
 */
char *
ckpt_columns_text(TupleDesc desc)
{
	StringInfoData buf;
	int			nestlevel = ckpt_pinned_begin_if_needed();

	initStringInfo(&buf);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		if (buf.len > 0)
			appendStringInfoString(&buf, ", ");
		appendStringInfo(&buf, "%s %s", quote_identifier(NameStr(att->attname)),
						 ckpt_column_type_text(att));
	}
	ckpt_pinned_end(nestlevel);
	return buf.data;
}

/*
 * result_table_fault returns why a table cannot be used as the one that was
 * made for an owner with the given columns (any if NULL), or NULL if it can.
 */
static const char *
result_table_fault(Relation rel, Oid owner, const char *columns)
{
	Oid			relid = RelationGetRelid(rel);

	if (rel->rd_rel->relkind != RELKIND_RELATION ||
		rel->rd_rel->relam != HEAP_TABLE_AM_OID)
		return "it is not an ordinary table";
	if (ckpt_is_distributed(relid))
		return "its rows are distributed";
	if (rel->rd_rel->relowner != owner)
		return "it has another owner";
	if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		return "it is unlogged";
	if (has_subclass(relid) && find_inheritance_children(relid, NoLock) != NIL)
		return "it has child tables";
	if (rel->rd_rel->relispartition || has_superclass(relid))
		return "it is part of another table";
	if (rel->rd_rel->relforcerowsecurity)
		return "row security is forced on it";
	/* also if their names came back: where values stand in a row counts, too */
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		if (TupleDescAttr(RelationGetDescr(rel), i)->attisdropped)
			return "its columns were changed";
	}
	if (columns && strcmp(ckpt_columns_text(RelationGetDescr(rel)), columns) != 0)
		return "its columns were changed";
	return NULL;
}

/*
 * ckpt_result_table_fault is the same for the table of a given name.  A table
 * without fault stays locked, and so without, until the transaction ends.
 */
const char *
ckpt_result_table_fault(const char *name, Oid owner, const char *columns)
{
	Relation	rel = open_rows(name, AccessShareLock);
	const char *fault;

	if (rel == NULL)
		return "it does not exist";
	fault = result_table_fault(rel, owner, columns);
	relation_close(rel, fault ? AccessShareLock : NoLock);
	return fault;
}

/*
 * ckpt_result_table_is_empty returns whether a table, which is locked, takes no room at
 * all: so it has no rows, and that costs nothing to know.
 */
bool
ckpt_result_table_is_empty(const char *name)
{
	Relation	rel = table_open(ckpt_result_table_rows(name), AccessShareLock);
	bool		result = RelationGetNumberOfBlocks(rel) == 0;

	table_close(rel, AccessShareLock);
	return result;
}

/*
 * ckpt_result_table_change returns why a table that was opened by its name, and
 * had no fault then, has one now; NULL if it has none.
 */
const char *
ckpt_result_table_change(Relation rel, const char *name, Oid owner, const char *columns)
{
	if (ckpt_result_table_rows(name) != RelationGetRelid(rel))
		return "it has another name";
	return result_table_fault(rel, owner, columns);
}

static void
refuse_dropped(const char *what, const char *step)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s table of step \"%s\" was dropped while the step ran", what, step),
			 errhint("Run the job again: the step is computed anew.")));
}

/*
 * ckpt_result_table_require raises if a table that a running step needs is gone: what
 * says which of them.
 */
void
ckpt_result_table_require(const char *name, const char *what, const char *step)
{
	if (!OidIsValid(ckpt_result_table_lookup(name)))
		refuse_dropped(what, step);
}

/*
 * ckpt_result_table_open opens and locks a table that a running step needs, the one
 * that has the rows of that name: what says which of them.  Its owner may have dropped
 * or altered it since it was last open.
 */
Relation
ckpt_result_table_open(const char *name, const char *what, const char *step,
					   Oid owner, const char *columns, LOCKMODE lockmode)
{
	Relation	rel = open_rows(name, lockmode);
	const char *fault = rel ? result_table_fault(rel, owner, columns) : NULL;

	if (rel == NULL)
		refuse_dropped(what, step);
	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s table of step \"%s\" was altered while the step ran", what, step),
				 errdetail("Table \"%s.%s\": %s.", CKPT_DATA_SCHEMA, name, fault),
				 errhint("Run the job again: the step is computed anew.")));
	return rel;
}

/*
 * ckpt_result_table_keep deletes the rows whose id, a bigint column, is not in
 * the set.  It waits for others that write to the table, and they for it.
 */
void
ckpt_result_table_keep(const char *name, AttrNumber attno, const CkptIdSet *ids)
{
	Relation	rel = table_open(ckpt_result_table_lookup(name), ShareRowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan;

	ckpt_hidden_ensure(RelationGetRelid(rel));
	PushActiveSnapshot(GetLatestSnapshot());
	scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		if (!ckpt_idset_contains(ids, DatumGetInt64(slot_getattr(slot, attno, &isnull))))
			simple_table_tuple_delete(rel, &slot->tts_tid, GetActiveSnapshot());
	}
	table_endscan(scan);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
}

/*
 * ckpt_result_table_copy copies the rows whose id, the first column, is in the set
 * to a table with the same columns that was made in this transaction.
 */
void
ckpt_result_table_copy(const char *name, Oid to, const CkptIdSet *ids)
{
	Relation	rel = table_open(ckpt_result_table_rows(name), AccessShareLock);
	Relation	target = table_open(to, RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan;

	PushActiveSnapshot(GetLatestSnapshot());
	scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		if (ckpt_idset_contains(ids, DatumGetInt64(slot_getattr(slot, 1, &isnull))))
			table_tuple_insert(target, slot, GetCurrentCommandId(true), 0, NULL);
	}
	table_endscan(scan);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	table_close(target, NoLock);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

/*
 * ckpt_result_table_rename renames a table or view that was made in this transaction, or
 * is locked.
 */
void
ckpt_result_table_rename(const char *name, const char *new_name)
{
	RenameRelationInternal(ckpt_result_table_lookup(name), new_name, true, false);
	CommandCounterIncrement();
}

/*
 * is_input_view returns whether a relation was made as the view of a result table: its
 * owner may have altered that table since.
 */
static bool
is_input_view(Oid relid)
{
	Relation	view = relation_open(relid, AccessShareLock);
	RuleLock   *rules = view->rd_rules;
	bool		result = false;

	for (int i = 0; view->rd_rel->relkind == RELKIND_VIEW && rules && i < rules->numLocks; i++)
	{
		Query	   *query = linitial_node(Query, rules->rules[i]->actions);
		List	   *from = query->jointree ? query->jointree->fromlist : NIL;

		result |= rules->rules[i]->event == CMD_SELECT && list_length(from) == 1 &&
			IsA(linitial(from), RangeTblRef) &&
			get_rel_namespace(rt_fetch(linitial_node(RangeTblRef, from)->rtindex,
									   query->rtable)->relid) == RelationGetNamespace(view);
	}
	relation_close(view, AccessShareLock);
	return result;
}

/*
 * result_table_is_owners returns whether a relation, which is locked, is a table, or an
 * input's view, of the given name and owner now.
 */
static bool
result_table_is_owners(Oid relid, const char *name, Oid owner)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		result = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		result = form->relowner == owner && ckpt_result_table_lookup(name) == relid &&
			(form->relkind == RELKIND_RELATION || is_input_view(relid));
		ReleaseSysCache(tuple);
	}
	return result;
}

/*
 * ckpt_result_table_lock locks an owner's table or view for being dropped, and returns
 * it; InvalidOid if the owner has none of that name.  *in_use is set if somebody uses
 * it: then it is not locked.
 */
Oid
ckpt_result_table_lock(const char *name, Oid owner, bool *in_use)
{
	Oid			relid = ckpt_result_table_lookup(name);

	*in_use = OidIsValid(relid) && !ConditionalLockRelationOid(relid, AccessExclusiveLock);
	if (!OidIsValid(relid) || *in_use)
		return InvalidOid;
	if (result_table_is_owners(relid, name, owner))
		return relid;
	UnlockRelationOid(relid, AccessExclusiveLock);
	return InvalidOid;
}

/*
 * ckpt_result_table_bytes returns how large an owner's table is, with its indexes,
 * and locks it; 0 if the owner has none of that name, or somebody uses it.
 */
int64
ckpt_result_table_bytes(const char *name, Oid owner)
{
	bool		in_use;
	Oid			relid = ckpt_result_table_lock(name, owner, &in_use);

	if (!OidIsValid(relid) || get_rel_relkind(relid) != RELKIND_RELATION)
		return 0;
	return DatumGetInt64(DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(relid)));
}

/*
 * ckpt_result_table_drop drops an owner's table, unless somebody uses it at the
 * moment.  Returns whether the owner has no such table any more: one that was given
 * to another role stays and is that role's.  Raises 2BP01 if an object depends on
 * the table.
 *
 * The caller answers for the right to drop what the owner has.
 */
bool
ckpt_result_table_drop(const char *name, Oid owner)
{
	bool		in_use;
	Oid			relid = ckpt_result_table_lock(name, owner, &in_use);
	ObjectAddress address;

	if (!OidIsValid(relid))
		return !in_use;
	ObjectAddressSet(address, RelationRelationId, relid);
	performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	CommandCounterIncrement();
	return true;
}
