"""The web page over what the pipeline has indexed."""
