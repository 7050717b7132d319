"""The lab in Spark: peer_pyspark.py INPUT OUTPUT"""
import sys

from pyspark.sql import SparkSession, functions as F

source, target = sys.argv[1:]
spark = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
bucket = F.when(F.col("amount") >= 100, "high").when(F.col("amount") >= 20, "medium").otherwise("low")
sales = spark.read.csv(source, header=True, inferSchema=True)
sales.where(F.col("amount") >= 10).withColumn("amount_bucket", bucket).write.parquet(target, compression="snappy")
spark.stop()
