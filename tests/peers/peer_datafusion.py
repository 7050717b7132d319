"""The lab in DataFusion for Python: peer_datafusion.py INPUT OUTPUT"""
import sys

from datafusion import SessionContext

source, target = sys.argv[1:]
context = SessionContext()
context.register_csv("sales", source)
context.sql("""
    select *, case when amount >= 100 then 'high' when amount >= 20 then 'medium' else 'low' end
              as amount_bucket
    from sales where amount >= 10
""").write_parquet(target, compression="snappy")
