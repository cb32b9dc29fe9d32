"""Tasks of a workflow engine: one per step, each on a connection of its own and retried by itself."""
import psycopg


def begin():
    return call("SELECT checkpoint.begin_job('nightly', attach => false)")[0]    # handed to the other tasks

def embedded(job):
    call("CALL checkpoint.map('embedded', 'SELECT id, body FROM docs', 'embed(body) AS dims', job => %s)", job)

def embeddings(job):
    call("CALL checkpoint.save('public.embeddings', 'SELECT * FROM embedded', job => %s)", job)

def end(job):
    call('SELECT checkpoint.end_job(%s)', job)

def call(statement, *parameters):
    with psycopg.connect(autocommit=True) as conn:
        cursor = conn.execute(statement, parameters)
        return cursor.fetchone() if cursor.description else None


def retried(task, job, before_retry):
    """What an engine does with a task that fails."""
    try:
        task(job)
    except psycopg.Error:
        before_retry()
        task(job)


if __name__ == '__main__':
    job = begin()
    retried(embedded, job, lambda: call('CALL mend()'))
    retried(embeddings, job, lambda: None)
    end(job)
    assert call('SELECT count(*) FROM checkpoint.jobs')[0] == 1, 'a retried task is a step of the same run'
    assert call('SELECT status FROM checkpoint.jobs')[0] == 'complete'
