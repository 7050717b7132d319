"""The lab in DuckDB: peer_duckdb.py INPUT OUTPUT"""
import sys

import duckdb

source, target = sys.argv[1:]
duckdb.sql(f"""
    copy (
        select *, case when amount >= 100 then 'high' when amount >= 20 then 'medium' else 'low' end
                  as amount_bucket
        from read_csv('{source}') where amount >= 10
    ) to '{target}' (format parquet, compression snappy)
""")
