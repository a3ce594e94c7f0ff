"""What is installed beside this package: which Spark, how its versions differ, and Delta's jars for it."""
