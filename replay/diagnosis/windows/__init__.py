"""When and for whom each cause of an incident holds, where several of them overlap."""
