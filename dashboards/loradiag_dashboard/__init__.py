"""loradiag's dashboard: a Streamlit app over reports and the traffic lake. It reads, shows, and computes nothing."""
