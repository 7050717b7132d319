"""The lab in Polars: peer_polars.py INPUT OUTPUT"""
import sys

import polars as pl

source, target = sys.argv[1:]
amount = pl.col("amount")
bucket = pl.when(amount >= 100).then(pl.lit("high")).when(amount >= 20).then(pl.lit("medium"))
(
    pl.scan_csv(source)
    .filter(amount >= 10)
    .with_columns(bucket.otherwise(pl.lit("low")).alias("amount_bucket"))
    .sink_parquet(target, compression="snappy")
)
