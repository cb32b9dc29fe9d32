"""The example of README.md and doc/clients.md, with a model that knows nothing."""
import pathlib
import sys
from types import SimpleNamespace

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'python'))
model = SimpleNamespace(encode=lambda text: SimpleNamespace(tolist=lambda: [float(len(text))]))

from checkpoint_client import run

def embed(row):
    return model.encode(row.body).tolist(),

if __name__ == '__main__':
    run('dbname=docs', 'vectors', embed, workers=4,
        input='SELECT id, body FROM docs', output={'vec': 'real[]'})
