"""The lab in Spark, with the transform as Python over Arrow batches: peer_pyspark_arrow.py INPUT OUTPUT"""
import os
import sys

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession
from pyspark.sql.types import StringType, StructField, StructType

source, target = sys.argv[1:]
# The workers take the first python3 of the PATH otherwise, which lacks the packages.
os.environ["PYSPARK_PYTHON"] = sys.executable
spark = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")


def transform(batches):
    for batch in batches:
        batch = batch.filter(pc.greater_equal(batch.column("amount"), 10.0))
        amount = batch.column("amount")
        low_or_medium = pc.if_else(pc.greater_equal(amount, 20.0), "medium", "low")
        bucket = pc.if_else(pc.greater_equal(amount, 100.0), "high", low_or_medium)
        yield pa.RecordBatch.from_arrays(
            [*batch.columns, bucket], names=[*batch.schema.names, "amount_bucket"]
        )


sales = spark.read.csv(source, header=True, inferSchema=True)
schema = StructType([*sales.schema.fields, StructField("amount_bucket", StringType())])
sales.mapInArrow(transform, schema).write.parquet(target, compression="snappy")
spark.stop()
