"""The whole product with its vault on a real S3 store."""

from __future__ import annotations

import json

import pytest

from tests.drills.company import Company
from tests.drills.stack import Stack, start_refused
from tests.drills.test_requests_survive import archive, one_certificate, records
from tests.seaweed import BUCKET, KEY, SECRET

pytestmark = pytest.mark.drill


@pytest.fixture
def s3(seaweed, request):
    return {
        "VAULT_URL": f"s3://{BUCKET}/{request.node.name}",
        "VAULT_S3_ENDPOINT": seaweed.endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


def test_a_copy_and_a_deletion(place, s3, seaweed):
    with Stack(place / "var", **s3) as stack:
        company = Company(stack)
        kept = company.fill(days=3, events_a_day=500)
        assert json.loads(stack.manage("seal_segments"))["sealed"] == 3
        found = json.loads(stack.manage("vault", "check"))
        assert (found["objects"], found["opened"], found["missing"]) == (3, 3, 0)
        assert not (place / "var" / "vault").exists()
        path = company.ask_for_copy()
        assert records(archive(company, company.until(path, "ready", 120))) == kept
        done = company.until(company.erase_everything(), "delivered", 120)
        assert one_certificate(company, done)["erased"]["events"] == kept
        prefix = s3["VAULT_URL"].rpartition("/")[2]
        assert not seaweed.client().list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/segments/").get("Contents")


def test_it_does_not_start_on_a_bucket_that_keeps_what_is_deleted(place, s3, seaweed):
    client = seaweed.client()
    client.create_bucket(Bucket="keeps-versions")
    client.put_bucket_versioning(Bucket="keeps-versions", VersioningConfiguration={"Status": "Enabled"})
    said = start_refused(place / "var", **{**s3, "VAULT_URL": "s3://keeps-versions/x"})
    assert "keeps versions" in said
