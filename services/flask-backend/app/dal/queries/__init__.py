"""Every query of the application, by domain. Functions take no connection and never commit."""
