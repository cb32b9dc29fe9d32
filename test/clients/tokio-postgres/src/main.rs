//! A job with tokio-postgres.
use std::time::Duration;
use tokio_postgres::{Client, Error, NoTls};

async fn nightly(client: &Client) -> Result<(), Error> {
    // statements by themselves: batch_execute of several would be one transaction
    client.execute("SELECT checkpoint.begin_job('nightly')", &[]).await?;
    client.execute("CALL checkpoint.map('embedded', 'SELECT id, body FROM docs', 'embed(body) AS dims')", &[]).await?;
    client.execute("CALL checkpoint.save('public.embeddings', 'SELECT * FROM embedded')", &[]).await?;
    client.execute("SELECT checkpoint.end_job()", &[]).await?;
    Ok(())
}

fn message(result: Result<(), Error>) -> String {
    result.err().and_then(|e| e.as_db_error().map(|e| e.message().to_string())).unwrap_or_default()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let dsn = std::env::args().nth(1).expect("a connection string");
    let (client, connection) = tokio_postgres::connect(&dsn, NoTls).await?;
    tokio::spawn(connection);

    assert_eq!(message(nightly(&client).await), "no vector for text 13");
    client.execute("CALL mend()", &[]).await?;
    nightly(&client).await?;

    let two = "SELECT checkpoint.begin_job('two'); CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')";
    assert!(message(client.batch_execute(two).await).contains("cannot run inside a transaction block"));

    // a future that is dropped cancels nothing: the step goes on, and the next statement waits for it
    client.execute("SELECT checkpoint.begin_job('dropped')", &[]).await?;
    let slow = "CALL checkpoint.map('s', 'SELECT g FROM generate_series(1, 30) g', '(SELECT g FROM pg_sleep(0.05 + g * 0)) AS x')";
    assert!(tokio::time::timeout(Duration::from_millis(500), client.execute(slow, &[])).await.is_err());
    let row = client.query_one("SELECT action FROM checkpoint.steps WHERE job = 'dropped'", &[]).await?;
    assert_eq!(row.get::<_, &str>(0), "computed");
    client.execute("SELECT checkpoint.end_job()", &[]).await?;

    // cancel it
    client.execute("SELECT checkpoint.begin_job('cancelled')", &[]).await?;
    let step = client.execute("CALL checkpoint.map('s', 'SELECT g FROM generate_series(1, 1000) g', '(SELECT g FROM pg_sleep(0.05 + g * 0)) AS x')", &[]);
    if tokio::time::timeout(Duration::from_secs(1), step).await.is_err() {
        client.cancel_token().cancel_query(NoTls).await?;
    }
    let row = client.query_one("SELECT status FROM checkpoint.jobs WHERE name = 'cancelled'", &[]).await?;
    assert_eq!(row.get::<_, &str>(0), "cancelled");
    Ok(())
}
