"""Who may open the dashboard, and what visitors from other machines see of the server."""
