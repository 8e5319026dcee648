ls -l /etc
