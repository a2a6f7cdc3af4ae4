"""The artifact store in a bucket that speaks S3. Only ``settings`` can be imported without loading boto3."""
