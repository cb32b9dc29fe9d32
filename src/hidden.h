/*-------------------------------------------------------------------------
 *
 * hidden.h
 *	  Keeps the changes of a table out of logical replication.
 *
 * Called in each transaction that writes to a result table, or to a table of the
 * extension, before it writes.  The module does not know what the table is for.
 *
 * IDENTIFICATION
 *	  src/hidden.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_HIDDEN_H
#define CKPT_HIDDEN_H

extern void ckpt_hidden_ensure(Oid relid);

#endif							/* CKPT_HIDDEN_H */
