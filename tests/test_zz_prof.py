import time, os
from uuid import uuid4
import asyncpg
from tests.conftest import _ENV,_TEMPLATE
async def test_p(tmp_path):
    server = os.environ[_ENV]
    c = await asyncpg.connect(server)
    print(await c.fetchval("show fsync"), await c.fetchval("select count(*) from pg_class"))
    for s in ("WAL_LOG","FILE_COPY"):
      for i in range(4):
        name = f"test_{uuid4().hex}"
        t=time.monotonic(); 
        await c.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY {s}")
        a=time.monotonic()-t; t=time.monotonic()
        await c.execute(f"DROP DATABASE {name} WITH (FORCE)")
        e=time.monotonic()-t
        print(s,"create %.2f drop %.2f"%(a,e))
    await c.close()
