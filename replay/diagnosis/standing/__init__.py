"""What happens at all times: causes of rows that disagree outside of every incident."""
