"""Everything that touches a JVM or an internal of Spark."""
