/*-------------------------------------------------------------------------
 *
 * lease.c
 *	  Who computes which rows outside of the server, and until when.
 *
 * This file alone reads and writes checkpoint.lease.  A claim costs the same however
 * many rows are processed or claimed: it begins to look where the session has found
 * rows last, and reads the leases and the processed rows of one range after the
 * other until it has enough.  Leases are rows that are inserted and deleted, and
 * updated by renew() only.  Those that are over are deleted by the claims that come
 * upon them.
 *
 * Leases are read first, then what is processed: who marks rows ends his lease in the
 * same transaction, so a row is seen as leased, or as processed, or as both.
 *
 * IDENTIFICATION
 *	  src/lease.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "joblock.h"
#include "lease.h"
#include "ledger_client.h"
#include "miscadmin.h"
#include "role.h"
#include "statement.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(checkpoint_session_lives);
PG_FUNCTION_INFO_V1(checkpoint_open_rows);

/* Columns of checkpoint.lease. */
enum
{
	LEASE_CHECKPOINT = 1,
	LEASE_RANGE,
	LEASE_FIRST,
	LEASE_LAST,
	LEASE_HOLDER,
	LEASE_SESSION,
	LEASE_CLAIMED,
	LEASE_EXPIRES
};

/* So many ranges are read at a time, at most. */
#define MAX_RANGES	16

typedef struct Lease
{
	int64		first;
	int64		last;
} Lease;

/* Whether a session lives, as it was found out last. */
typedef struct KnownSession
{
	int64		session;
	bool		lives;
} KnownSession;

/* A claim that is being made. */
typedef struct Claim
{
	const CkptCheckpoint *cp;
	int			nrows;			/* that are wanted */
	int64	   *ids;			/* that it has got */
	int			nids;
	int			maxids;
	List	   *leases;			/* Lease * */
	TimestampTz now;
	List	   *sessions;		/* KnownSession * */
	bool		over;			/* has come upon leases that are over */
} Claim;

/* Where this session has found rows last. */
static struct
{
	int64		checkpoint_id;
	int64		open_step;
	int64		range_no;
}			last_claim;

/*
 * Holders
 */

/*
 * lives returns whether the session of that number holds its lock.
 */
static bool
lives(int64 session)
{
	if (!ckpt_joblock_acquire(CKPT_LOCK_SESSION, session, ShareLock, false))
		return true;
	ckpt_joblock_release_early(CKPT_LOCK_SESSION, session, ShareLock);
	return ckpt_joblock_held_here(CKPT_LOCK_SESSION, session, ExclusiveLock);
}

/*
 * ckpt_lease_holder returns the holder of that name or, if it is NULL, the session,
 * which gets a number if it has none and make is set.
 *
 * Whoever has the session's lock released, by DISCARD ALL or
 * pg_advisory_unlock_all(), has ended its claims: then it gets another number.
 */
CkptHolder
ckpt_lease_holder(const char *name, bool make)
{
	static int64 session = 0;
	static uint32 nth = 0;
	CkptHolder	holder = {name, 0};

	if (name)
		return holder;
	if (session != 0 && !ckpt_joblock_held_here(CKPT_LOCK_SESSION, session, ExclusiveLock))
		session = 0;
	while (session == 0 && make)
	{
		int64		number = ((int64) MyProcPid << 32) | (uint32) (MyStartTimestamp / 1000 + nth++);

		if (ckpt_joblock_acquire(CKPT_LOCK_SESSION, number, ExclusiveLock, true))
			session = number;
	}
	holder.session = session;
	return holder;
}

/*
 * _session_lives(session) returns whether the claims of a session, or of a holder
 * with a name, which has none, are not over.
 */
Datum
checkpoint_session_lives(PG_FUNCTION_ARGS)
{
	int64		session = PG_GETARG_INT64(0);

	PG_RETURN_BOOL(session == 0 || lives(session));
}

/*
 * claim_session_lives asks once for each session.
 */
static bool
claim_session_lives(Claim *claim, int64 session)
{
	KnownSession *known;
	ListCell   *lc;

	if (session == 0)
		return true;
	foreach(lc, claim->sessions)
	{
		known = (KnownSession *) lfirst(lc);
		if (known->session == session)
			return known->lives;
	}
	known = palloc(sizeof(KnownSession));
	known->session = session;
	known->lives = lives(session);
	claim->sessions = lappend(claim->sessions, known);
	return known->lives;
}

/*
 * Reading leases
 */

static int64
lease_int8(HeapTuple tuple, TupleDesc desc, int attno)
{
	bool		isnull;

	return DatumGetInt64(heap_getattr(tuple, attno, desc, &isnull));
}

/*
 * live_leases lists (Lease *) the leases of some ranges, or of all if nranges is 0, that are
 * not over, committed or not.
 */
static List *
live_leases(Claim *claim, int64 first_range, int nranges)
{
	Oid			schema = get_namespace_oid(CKPT_SCHEMA, false);
	Relation	rel = table_open(get_relname_relid("lease", schema), AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	SnapshotData dirty;
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *leases = NIL;

	ScanKeyInit(&keys[0], LEASE_CHECKPOINT, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(claim->cp->id));
	ScanKeyInit(&keys[1], LEASE_RANGE, BTGreaterEqualStrategyNumber, F_INT8GE,
				Int64GetDatum(first_range));
	ScanKeyInit(&keys[2], LEASE_RANGE, BTLessStrategyNumber, F_INT8LT,
				Int64GetDatum(first_range + nranges));
	InitDirtySnapshot(dirty);
	scan = systable_beginscan(rel, get_relname_relid("lease_range_idx", schema), true,
							  &dirty, nranges == 0 ? 1 : 3, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Lease	   *lease;

		if (lease_int8(tuple, desc, LEASE_EXPIRES) <= claim->now ||
			!claim_session_lives(claim, lease_int8(tuple, desc, LEASE_SESSION)))
		{
			claim->over = true;
			continue;
		}
		lease = palloc(sizeof(Lease));
		lease->first = lease_int8(tuple, desc, LEASE_FIRST);
		lease->last = lease_int8(tuple, desc, LEASE_LAST);
		leases = lappend(leases, lease);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return leases;
}

/*
 * Claiming
 */

/*
 * lease_around returns the lease that an id is in, or NULL.
 */
static const Lease *
lease_around(List *leases, int64 id)
{
	ListCell   *lc;

	foreach(lc, leases)
	{
		const Lease *lease = (const Lease *) lfirst(lc);

		if (lease->first <= id && id <= lease->last)
			return lease;
	}
	return NULL;
}

static void
claim_add(Claim *claim, int64 id)
{
	if (claim->nids == claim->maxids)
	{
		claim->maxids = (int) Min((int64) claim->maxids * 2, claim->nrows);
		claim->ids = repalloc_huge(claim->ids, claim->maxids * sizeof(int64));
	}
	claim->ids[claim->nids++] = id;
}

/*
 * claim_from_range takes the rows of a range that are neither closed nor leased, as many as
 * are wanted.
 */
static void
claim_from_range(Claim *claim, const CkptRangeIds *closed, List *leases)
{
	int64		first = ckpt_range_first(closed->range_no);
	int64		last = first + closed->size - 1;
	Lease	   *own = NULL;

	for (int64 id = first; id <= last && claim->nids < claim->nrows; id++)
	{
		const Lease *other;

		if (ckpt_range_has(closed, id))
			continue;
		other = lease_around(leases, id);
		if (other)
		{
			id = other->last;
			own = NULL;
			continue;
		}
		if (own == NULL)
		{
			own = palloc(sizeof(Lease));
			own->first = id;
			claim->leases = lappend(claim->leases, own);
		}
		own->last = id;
		claim_add(claim, id);
	}
}

/*
 * claim_from looks for rows in some ranges.
 */
static void
claim_from(Claim *claim, int64 first_range, int nranges)
{
	List	   *leases = live_leases(claim, first_range, nranges);
	CkptRangeIds **closed = ckpt_ledger_closed_ranges(claim->cp, first_range, nranges);

	for (int i = 0; i < nranges; i++)
	{
		int			before = claim->nids;

		if (closed[i]->count < closed[i]->size && claim->nids < claim->nrows)
			claim_from_range(claim, closed[i], leases);
		if (claim->nids > before)
			last_claim.range_no = first_range + i;
		pfree(closed[i]);
	}
	list_free_deep(leases);
}

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/*
 * claim_search goes through the ranges, from the one where the session has found rows
 * last, until the claim has enough.
 */
static void
claim_search(Claim *claim)
{
	const CkptCheckpoint *cp = claim->cp;
	int64		total = (cp->rows_total + CKPT_IDSET_RANGE - 1) / CKPT_IDSET_RANGE;
	int64		start;
	int			width = 1;
	int			n;

	if (last_claim.checkpoint_id != cp->id || last_claim.open_step != cp->open_step)
	{
		last_claim.checkpoint_id = cp->id;
		last_claim.open_step = cp->open_step;
		last_claim.range_no = 0;
	}
	start = last_claim.range_no;
	for (int64 done = 0; done < total && claim->nids < claim->nrows; done += n)
	{
		int64		at = (start + done) % total;

		CHECK_FOR_INTERRUPTS();
		n = (int) Min(width, Min(total - done, total - at));
		claim_from(claim, at, n);
		width = Min(width * 2, MAX_RANGES);
	}
	/* it may have begun again with the first range */
	qsort(claim->ids, claim->nids, sizeof(int64), compare_ids);
}

/*
 * lease_store stores the leases of a claim.
 */
static void
lease_store(const Claim *claim, const CkptHolder *holder, const Interval *duration)
{
	STATEMENT(st, "INSERT INTO checkpoint.lease"
			  " SELECT $1, (f - 1) / 8192, f, l, $4, $5, $6, $6 + $7"
			  " FROM unnest($2, $3) AS u (f, l)");
	ArrayBuildState *firsts = NULL;
	ArrayBuildState *lasts = NULL;
	ListCell   *lc;

	foreach(lc, claim->leases)
	{
		const Lease *lease = (const Lease *) lfirst(lc);

		firsts = accumArrayResult(firsts, Int64GetDatum(lease->first), false, INT8OID,
								  CurrentMemoryContext);
		lasts = accumArrayResult(lasts, Int64GetDatum(lease->last), false, INT8OID,
								 CurrentMemoryContext);
	}
	ckpt_arg_int8(&st, claim->cp->id);
	ckpt_arg_array(&st, INT8ARRAYOID, firsts);
	ckpt_arg_array(&st, INT8ARRAYOID, lasts);
	ckpt_arg_text(&st, holder->name);
	ckpt_arg_int8(&st, holder->session);
	ckpt_arg_datum(&st, TIMESTAMPTZOID, TimestampTzGetDatum(claim->now), false);
	ckpt_arg_datum(&st, INTERVALOID, IntervalPGetDatum(duration), false);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}

/*
 * delete_over deletes leases of a checkpoint that are over, where a claim has come
 * upon some.  Those that another transaction is deleting are left to it.
 */
static void
delete_over(const Claim *claim)
{
	STATEMENT(st, "DELETE FROM checkpoint.lease WHERE ctid = ANY (ARRAY("
			  " SELECT ctid FROM checkpoint.lease WHERE checkpoint_id = $1"
			  " AND (expires_at <= $2 OR session = ANY ($3)) FOR UPDATE SKIP LOCKED))");
	ArrayBuildState *dead = initArrayResult(INT8OID, CurrentMemoryContext, false);
	ListCell   *lc;

	/* with an old snapshot that may fail */
	if (!claim->over || IsolationUsesXactSnapshot())
		return;
	foreach(lc, claim->sessions)
	{
		const KnownSession *known = (const KnownSession *) lfirst(lc);

		if (!known->lives)
			dead = accumArrayResult(dead, Int64GetDatum(known->session), false, INT8OID,
									CurrentMemoryContext);
	}
	ckpt_arg_int8(&st, claim->cp->id);
	ckpt_arg_datum(&st, TIMESTAMPTZOID, TimestampTzGetDatum(claim->now), false);
	ckpt_arg_array(&st, INT8ARRAYOID, dead);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_lease_claim leases rows that nobody holds to a holder, and returns the ids of
 * at most so many, in ascending order.
 */
int64 *
ckpt_lease_claim(const CkptCheckpoint *cp, int nrows, const CkptHolder *holder,
				 const Interval *duration, int *nids)
{
	Claim		claim = {.cp = cp,.nrows = (int) Min(nrows, cp->rows_total)};

	claim.maxids = Max(1, Min(claim.nrows, CKPT_IDSET_RANGE));
	claim.ids = palloc(claim.maxids * sizeof(int64));
	ckpt_joblock_wait(CKPT_LOCK_CLAIM, cp->id, ExclusiveLock);
	claim.now = GetCurrentTimestamp();
	claim_search(&claim);
	if (claim.nids > 0)
		lease_store(&claim, holder, duration);
	ckpt_joblock_release_early(CKPT_LOCK_CLAIM, cp->id, ExclusiveLock);
	delete_over(&claim);
	*nids = claim.nids;
	return claim.ids;
}

/*
 * The end of leases
 */

/*
 * open_rows counts the rows of an interval, which is within one range, that are not
 * closed.
 */
static int64
open_rows(const CkptRangeIds *closed, int64 first, int64 last)
{
	int64		n = 0;

	for (int64 id = first; id <= last; id++)
		n += !ckpt_range_has(closed, id);
	return n;
}

/*
 * count_open counts the rows that leases, which a statement returns as (range_no, first_id,
 * last_id), hold.
 */
static int64
count_open(const CkptCheckpoint *cp, CkptStatement *st, int expected)
{
	uint64		nrows = ckpt_statement_open(st, expected);
	int64		n = 0;
	int64	   *rows;

	MemoryContextSwitchTo(st->caller);
	rows = palloc(Max(nrows, 1) * 3 * sizeof(int64));
	for (uint64 row = 0; row < nrows; row++)
	{
		for (int i = 0; i < 3; i++)
			rows[row * 3 + i] = ckpt_row_int8(row, i + 1);
	}
	ckpt_statement_close(st);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptRangeIds **closed = ckpt_ledger_closed_ranges(cp, rows[row * 3], 1);

		n += open_rows(closed[0], rows[row * 3 + 1], rows[row * 3 + 2]);
		pfree(closed[0]);
	}
	pfree(rows);
	return n;
}

/*
 * _open_rows(checkpoint_id, range_no, first, last) is how many rows a lease holds.
 */
Datum
checkpoint_open_rows(PG_FUNCTION_ARGS)
{
	CkptCheckpoint cp;
	CkptRangeIds **closed;
	int64		range_no = PG_GETARG_INT64(1);

	if (!ckpt_catalog_get_checkpoint_now(PG_GETARG_INT64(0), &cp) || cp.open_step == 0 ||
		!ckpt_role_may_use(cp.owner) ||
		range_no < 0 || ckpt_range_first(range_no) > cp.rows_total)
		PG_RETURN_INT64(0);
	closed = ckpt_ledger_closed_ranges(&cp, range_no, 1);
	PG_RETURN_INT64(open_rows(closed[0], Max(PG_GETARG_INT64(2), ckpt_range_first(range_no)),
							  Min(PG_GETARG_INT64(3), ckpt_range_first(range_no) + closed[0]->size - 1)));
}

#define OF_HOLDER \
	" WHERE checkpoint_id = $1 AND (holder = $2 OR $2 IS NULL AND session = $3 AND $3 <> 0)"

static void
holder_args(CkptStatement *st, const CkptCheckpoint *cp, const CkptHolder *holder)
{
	ckpt_arg_int8(st, cp->id);
	ckpt_arg_text(st, holder->name);
	ckpt_arg_int8(st, holder->session);
}

/*
 * ckpt_lease_renew prolongs the leases of a holder that are not over, and returns how
 * many rows they hold.
 */
int64
ckpt_lease_renew(const CkptCheckpoint *cp, const CkptHolder *holder, const Interval *duration)
{
	STATEMENT(st, "UPDATE checkpoint.lease SET expires_at = clock_timestamp() + $4"
			  OF_HOLDER " AND expires_at > clock_timestamp()"
			  " RETURNING range_no, first_id, last_id");

	holder_args(&st, cp, holder);
	ckpt_arg_datum(&st, INTERVALOID, IntervalPGetDatum(duration), false);
	return count_open(cp, &st, SPI_OK_UPDATE_RETURNING);
}

/*
 * ckpt_lease_release ends the leases of a holder, and returns how many rows they held.
 */
int64
ckpt_lease_release(const CkptCheckpoint *cp, const CkptHolder *holder)
{
	STATEMENT(st, "DELETE FROM checkpoint.lease" OF_HOLDER
			  " RETURNING range_no, first_id, CASE WHEN expires_at > clock_timestamp()"
			  "  THEN last_id ELSE 0 END");

	holder_args(&st, cp, holder);
	return count_open(cp, &st, SPI_OK_DELETE_RETURNING);
}

/*
 * end_done ends the leases of a range, of which some ids between first and last are
 * closed now, that hold no rows any more.
 */
static void
end_done(const CkptCheckpoint *cp, int64 range_no, int64 first, int64 last)
{
	STATEMENT(find, "SELECT first_id, last_id FROM checkpoint.lease"
			  " WHERE checkpoint_id = $1 AND range_no = $2 AND first_id <= $4 AND last_id >= $3");
	STATEMENT(st, "DELETE FROM checkpoint.lease WHERE ctid = ANY (ARRAY("
			  " SELECT ctid FROM checkpoint.lease WHERE checkpoint_id = $1 AND range_no = $2"
			  " AND (first_id, last_id) IN (SELECT * FROM unnest($3, $4)) FOR UPDATE SKIP LOCKED))");
	CkptRangeIds *closed;
	List	   *leases = NIL;
	ListCell   *lc;
	uint64		nrows;
	ArrayBuildState *firsts = NULL;
	ArrayBuildState *lasts = NULL;

	find.latest = true;
	ckpt_arg_int8(&find, cp->id);
	ckpt_arg_int8(&find, range_no);
	ckpt_arg_int8(&find, first);
	ckpt_arg_int8(&find, last);
	nrows = ckpt_statement_open(&find, SPI_OK_SELECT);
	MemoryContextSwitchTo(find.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		Lease	   *lease = palloc(sizeof(Lease));

		lease->first = ckpt_row_int8(row, 1);
		lease->last = ckpt_row_int8(row, 2);
		leases = lappend(leases, lease);
	}
	ckpt_statement_close(&find);
	if (leases == NIL)
		return;
	closed = ckpt_ledger_closed_ranges(cp, range_no, 1)[0];
	foreach(lc, leases)
	{
		const Lease *lease = (const Lease *) lfirst(lc);

		if (open_rows(closed, lease->first, lease->last) > 0)
			continue;
		firsts = accumArrayResult(firsts, Int64GetDatum(lease->first), false, INT8OID,
								  CurrentMemoryContext);
		lasts = accumArrayResult(lasts, Int64GetDatum(lease->last), false, INT8OID,
								 CurrentMemoryContext);
	}
	pfree(closed);
	if (firsts == NULL)
		return;
	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, range_no);
	ckpt_arg_array(&st, INT8ARRAYOID, firsts);
	ckpt_arg_array(&st, INT8ARRAYOID, lasts);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_lease_end_done ends the leases all of whose rows are processed or in quarantine, when
 * this transaction has made some so: their ids are in ascending order.
 */
void
ckpt_lease_end_done(const CkptCheckpoint *cp, const int64 *ids, int nids)
{
	int			next;

	for (int i = 0; i < nids; i = next)
	{
		int64		range_no = ckpt_range_of(ids[i]);

		for (next = i + 1; next < nids && ckpt_range_of(ids[next]) == range_no;)
			next++;
		end_done(cp, range_no, ids[i], ids[next - 1]);
	}
}

/*
 * ckpt_lease_any returns whether somebody holds rows of a checkpoint, in a transaction that is
 * open, too.
 */
bool
ckpt_lease_any(const CkptCheckpoint *cp)
{
	Claim		claim = {.cp = cp,.now = GetCurrentTimestamp()};

	return live_leases(&claim, 0, 0) != NIL;
}

/*
 * ckpt_lease_of_job returns whether somebody holds rows of a step of a job.
 */
bool
ckpt_lease_of_job(int64 job_id)
{
	STATEMENT(st, "SELECT FROM checkpoint.step s JOIN checkpoint.lease l USING (checkpoint_id)"
			  " WHERE s.job_id = $1 AND s.action = 'running' AND s.output IS NOT NULL"
			  " AND l.expires_at > clock_timestamp()"
			  " AND checkpoint._session_lives(l.session) LIMIT 1");

	ckpt_arg_int8(&st, job_id);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_lease_forget ends all leases of a checkpoint.
 */
void
ckpt_lease_forget(int64 checkpoint_id)
{
	STATEMENT(st, "DELETE FROM checkpoint.lease WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_lease_end_job ends all leases of checkpoints that clients compute for a job.
 */
void
ckpt_lease_end_job(int64 job_id)
{
	STATEMENT(st, "DELETE FROM checkpoint.lease l USING checkpoint.step s"
			  " WHERE s.job_id = $1 AND s.output IS NOT NULL AND l.checkpoint_id = s.checkpoint_id");

	ckpt_arg_int8(&st, job_id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}
