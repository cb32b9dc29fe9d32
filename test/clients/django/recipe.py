"""A job with Django."""
import os

from django.conf import settings
from django.db import connection, transaction


def nightly():
    with connection.cursor() as cursor:     # not within transaction.atomic(), nor a request under ATOMIC_REQUESTS
        cursor.execute("SELECT checkpoint.begin_job('nightly')")
        cursor.execute("CALL checkpoint.map('embedded', %s, %s)",
                       ['SELECT id, body FROM docs', 'embed(body) AS dims'])
        cursor.execute("CALL checkpoint.save('public.embeddings', 'SELECT * FROM embedded')")
        cursor.execute('SELECT checkpoint.end_job()')


if __name__ == '__main__':
    import sys
    sys.path.insert(0, '..')
    from traps import raises

    settings.configure(DATABASES={'default': {
        'ENGINE': 'django.db.backends.postgresql', 'NAME': os.environ['PGDATABASE'], 'USER': os.environ['PGUSER'],
        'HOST': os.environ['PGHOST'], 'PORT': os.environ['PGPORT']}})
    raises('no vector for text 13', nightly)
    with connection.cursor() as cursor:
        cursor.execute('CALL mend()')
    nightly()

    def atomic():
        with transaction.atomic():
            nightly()
    raises('cannot run inside a transaction block', atomic)
