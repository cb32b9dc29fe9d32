/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Every difference between server versions.  Code is written for the
 *	  newest server; older ones get the new name here.
 *
 * Knows nothing of the extension.  Any file may include it, and no other file asks for
 * PG_VERSION_NUM.
 *
 * IDENTIFICATION
 *	  src/compat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_COMPAT_H
#define CKPT_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "checkpoint needs PostgreSQL 15 or later"
#endif

#include "executor/executor.h"
#include "utils/acl.h"

/* PostgreSQL 16 has one function for the privileges on all kinds of object. */
#if PG_VERSION_NUM < 160000
#define ckpt_tablespace_aclcheck(oid, role) \
	pg_tablespace_aclcheck(oid, role, ACL_CREATE)
#define ckpt_namespace_aclcheck(oid, role) \
	pg_namespace_aclcheck(oid, role, ACL_CREATE)
#define ckpt_may_create_temp(role) \
	(pg_database_aclcheck(MyDatabaseId, role, ACL_CREATE_TEMP) == ACLCHECK_OK)
#else
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_tablespace.h"
#define ckpt_tablespace_aclcheck(oid, role) \
	object_aclcheck(TableSpaceRelationId, oid, role, ACL_CREATE)
#define ckpt_namespace_aclcheck(oid, role) \
	object_aclcheck(NamespaceRelationId, oid, role, ACL_CREATE)
#define ckpt_may_create_temp(role) \
	(object_aclcheck(DatabaseRelationId, MyDatabaseId, role, ACL_CREATE_TEMP) == ACLCHECK_OK)
#endif

/* PostgreSQL 18 puts this before a declaration; before, it stood behind. */
#if PG_VERSION_NUM < 180000 && !defined(pg_noreturn)
#define pg_noreturn		pg_attribute_noreturn()
#endif

/* PostgreSQL 18 took away ExecutorRun's last argument. */
#if PG_VERSION_NUM < 180000
#define ckpt_executor_run(qd)	ExecutorRun(qd, ForwardScanDirection, 0, true)
#else
#define ckpt_executor_run(qd)	ExecutorRun(qd, ForwardScanDirection, 0)
#endif

/* PostgreSQL 16 adds many pages to a table at a time; before, bulkextend.c must. */
#if PG_VERSION_NUM < 160000 && defined(HAVE_POSIX_FALLOCATE)
#define CKPT_ADDS_PAGES
#endif

/*
 * ckpt_add_pages adds up to n pages to a table, whose extension lock is held, pins them
 * and returns how many.  PostgreSQL 15 adds one.
 */
#if PG_VERSION_NUM < 160000
#include "storage/bufmgr.h"
static inline int
ckpt_add_pages(Relation rel, int n, Buffer *pages)
{
	pages[0] = ReadBufferExtended(rel, MAIN_FORKNUM, P_NEW, RBM_NORMAL, NULL);
	return 1;
}
#else
#include "storage/bufmgr.h"
static inline int
ckpt_add_pages(Relation rel, int n, Buffer *pages)
{
	uint32		added;

	(void) ExtendBufferedRelBy(BMR_REL(rel), MAIN_FORKNUM, NULL, EB_SKIP_EXTENSION_LOCK,
							   (uint32) n, pages, &added);
	return (int) added;
}
#endif

/* PostgreSQL 16 tells summarizing indexes apart. */
#if PG_VERSION_NUM < 160000
#define ckpt_insert_index_tuples(rel, slot, estate) \
	((void) ExecInsertIndexTuples(rel, slot, estate, false, false, NULL, NIL))
#else
#define ckpt_insert_index_tuples(rel, slot, estate) \
	((void) ExecInsertIndexTuples(rel, slot, estate, false, false, NULL, NIL, false))
#endif

/* PostgreSQL 16 notes in each Var which outer joins may make it null. */
#if PG_VERSION_NUM < 160000
#define ckpt_mark_nullable(pstate, var) ((void) (pstate))
#else
#include "parser/parse_relation.h"
#define ckpt_mark_nullable(pstate, var) markNullableIfNeeded(pstate, var)
#endif

/* PostgreSQL 16 has other names for a table's file. */
#if PG_VERSION_NUM < 160000
#define ckpt_rel_locator(rel)		((rel)->rd_node)
#define ckpt_rel_tablespace(rel)	((rel)->rd_node.spcNode)
#define ckpt_rel_file(rel)			((rel)->rd_node.relNode)
#define ckpt_buffer_tag(tag, rel, block) \
	INIT_BUFFERTAG(*(tag), (rel)->rd_node, MAIN_FORKNUM, block)
#else
#define ckpt_rel_locator(rel)		((rel)->rd_locator)
#define ckpt_rel_tablespace(rel)	((rel)->rd_locator.spcOid)
#define ckpt_rel_file(rel)			((rel)->rd_locator.relNumber)
#define ckpt_buffer_tag(tag, rel, block) \
	InitBufferTag(tag, &(rel)->rd_locator, MAIN_FORKNUM, block)
#endif

/* PostgreSQL 18 returns a path as a value, not in memory of its own. */
#if PG_VERSION_NUM < 180000
#define ckpt_rel_path(rel)	relpathperm(ckpt_rel_locator(rel), MAIN_FORKNUM)
#else
#define ckpt_rel_path(rel)	pstrdup(relpathperm(ckpt_rel_locator(rel), MAIN_FORKNUM).str)
#endif

/* PostgreSQL 16 may read and write tables past the operating system's cache. */
#if PG_VERSION_NUM < 160000
#define ckpt_io_is_direct	false
#else
#define ckpt_io_is_direct	((io_direct_flags & IO_DIRECT_DATA) != 0)
#endif

/* PostgreSQL 17 can ask for stronger locks, too. */
#if PG_VERSION_NUM < 170000
#define ckpt_lock_held_by_me(tag, mode)	LockHeldByMe(tag, mode)
#else
#define ckpt_lock_held_by_me(tag, mode)	LockHeldByMe(tag, mode, false)
#endif

/* PostgreSQL 16 has another name for a process in the snapshot of activity statistics. */
#if PG_VERSION_NUM < 160000
#define ckpt_local_backend_status(index)	pgstat_fetch_stat_local_beentry(index)
#else
#define ckpt_local_backend_status(index)	pgstat_get_local_beentry_by_index(index)
#endif

/* PostgreSQL 16 has expressions of SQL/JSON, which may turn values into text. */
#if PG_VERSION_NUM < 160000
#define ckpt_is_json_expr(node)		false
#elif PG_VERSION_NUM < 170000
#define ckpt_is_json_expr(node)		IsA(node, JsonConstructorExpr)
#else
#define ckpt_is_json_expr(node)		(IsA(node, JsonConstructorExpr) || IsA(node, JsonExpr))
#endif

/* PostgreSQL 17 has another name for the locale of a collation. */
#if PG_VERSION_NUM < 170000
#define ckpt_collation_locale	Anum_pg_collation_colliculocale
#else
#define ckpt_collation_locale	Anum_pg_collation_colllocale
#endif

/* PostgreSQL 16 checks what a query may read by a list that is beside its relations. */
#if PG_VERSION_NUM < 160000
#define ckpt_check_permissions(query) \
	((void) ExecCheckRTPerms((query)->rtable, true))
#define ckpt_may_execute(funcid, role) \
	(pg_proc_aclcheck(funcid, role, ACL_EXECUTE) == ACLCHECK_OK)
#define ckpt_permissions(query, rte)	(rte)
#define ckpt_take_permissions(query, rte, from, from_rte) \
	((void) (query), (void) (rte), (void) (from), (void) (from_rte))
#else
#include "catalog/pg_proc.h"
#include "parser/parse_relation.h"
#define ckpt_check_permissions(query) \
	((void) ExecCheckPermissions((query)->rtable, (query)->rteperminfos, true))
#define ckpt_may_execute(funcid, role) \
	(object_aclcheck(ProcedureRelationId, funcid, role, ACL_EXECUTE) == ACLCHECK_OK)
#define ckpt_permissions(query, rte)	getRTEPermissionInfo((query)->rteperminfos, rte)
#define ckpt_take_permissions(query, rte, from, from_rte) \
	((query)->rteperminfos = list_make1(copyObject(ckpt_permissions(from, from_rte))), \
	 (rte)->perminfoindex = 1)
#endif

/* PostgreSQL 18 says by a type of its own whether an operator means < or >. */
#if PG_VERSION_NUM < 180000
typedef int16 CkptOrdering;
#else
#include "access/cmptype.h"
typedef CompareType CkptOrdering;
#endif

/* Its header, libpq/libpq.h, wants headers that server packages do not bring. */
extern bool pq_check_connection(void);

#endif							/* CKPT_COMPAT_H */
