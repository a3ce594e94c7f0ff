"""What a report says in sentences, and how it writes numbers and causes."""
