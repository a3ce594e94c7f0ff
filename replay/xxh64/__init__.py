"""XXH64 over whole columns: of plain values, and of rows as Spark SQL's ``xxhash64`` has them."""

from replay.xxh64.spark import hashes_as_spark, spark_xxhash64
from replay.xxh64.values import Hashes, hash_bytes, hash_words

__all__ = ["Hashes", "hash_bytes", "hash_words", "hashes_as_spark", "spark_xxhash64"]
