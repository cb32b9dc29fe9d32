// A job with pgx.
package main

import (
	"context"
	"errors"
	"log"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

func nightly(ctx context.Context, pool *pgxpool.Pool) (err error) {
	conn, err := pool.Acquire(ctx) // one connection for the whole job
	if err != nil {
		return err
	}
	defer conn.Release()
	var job int64
	if err = conn.QueryRow(ctx, "SELECT checkpoint.begin_job('nightly')").Scan(&job); err != nil {
		return err
	}
	for _, statement := range []string{
		"CALL checkpoint.map('embedded', 'SELECT id, body FROM docs', 'embed(body) AS dims')",
		"CALL checkpoint.save('public.embeddings', 'SELECT * FROM embedded')",
		"SELECT checkpoint.end_job()",
	} {
		if _, err = conn.Exec(ctx, statement); err != nil {
			_, failed := pool.Exec(context.Background(), "SELECT checkpoint.fail_job($1, $2)", err.Error(), job)
			return errors.Join(err, failed)
		}
	}
	return nil
}

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "")
	must(err)
	contains(nightly(ctx, pool), "no vector for text 13")
	_, err = pool.Exec(ctx, "CALL mend()")
	must(err)
	must(nightly(ctx, pool))

	// a transaction of the driver
	tx, err := pool.Begin(ctx)
	must(err)
	_, err = tx.Exec(ctx, "SELECT checkpoint.begin_job('block')")
	must(err)
	_, err = tx.Exec(ctx, "CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')")
	contains(err, "cannot run inside a transaction block")
	must(tx.Rollback(ctx))

	// a context that ends cancels the step, and takes the connection with it: the job has ended
	conn, err := pool.Acquire(ctx)
	must(err)
	_, err = conn.Exec(ctx, "SELECT checkpoint.begin_job('hasty')")
	must(err)
	hasty, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	_, err = conn.Exec(hasty, "CALL checkpoint.map('s', 'SELECT g FROM generate_series(1, 200) g', '(SELECT g FROM pg_sleep(0.05 + g * 0)) AS x')")
	cancel()
	contains(err, "")
	if !conn.Conn().IsClosed() {
		log.Fatal("the connection is open")
	}
	conn.Release()
	for status := "running"; status == "running"; {
		must(pool.QueryRow(ctx, "SELECT status FROM checkpoint.jobs WHERE name = 'hasty'").Scan(&status))
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func contains(err error, message string) {
	if err == nil || !strings.Contains(err.Error(), message) {
		log.Fatalf("%q is not in %v", message, err)
	}
}
