//! The second step of an offboarding: what a stack has retained is deleted, by an operator's own rights, and nothing else is.

use serde_json::{Value, json};

use super::World;

/// What a tenant retains here, and what counts it: buckets, versions of objects, queues, log groups, enabled keys.
const TENANT: &str = r#"AWSTemplateFormatVersion: "2010-09-09"
Metadata:
  TenantryWorkload: { MeanKibPerMinute: 0, PeakKibPerMinute: 0, Functions: {} }
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BucketName: "{{ names.prefix }}-data"
      VersioningConfiguration: { Status: Enabled }
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true }
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: AES256 } }] }
  Queue:
    Type: AWS::SQS::Queue
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      QueueName: "{{ names.prefix }}-queue"
  Logs:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      LogGroupName: "/{{ names.prefix }}/logs"
      RetentionInDays: 30
  Key:
    Type: AWS::KMS::Key
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      EnableKeyRotation: true
      KeyPolicy:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: { AWS: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" }
            Action: "kms:*"
            Resource: "*"
{% include "tenant/release.yaml.tera" %}
Outputs:
  TenantryRelease:
    Value: "{{ release.name }}"
  TenantryDigest:
    Value: "{{ release.digest }}"
"#;

const COUNT: &str = "s3, logs = make('s3'), make('logs')\n\
    buckets = [b['Name'] for b in s3.list_buckets()['Buckets'] if 'data' in b['Name']]\n\
    listed = [s3.list_object_versions(Bucket=b) for b in buckets]\n\
    versions = sum(len(l.get('Versions', [])) + len(l.get('DeleteMarkers', [])) for l in listed)\n\
    queues = [q for q in sqs.list_queues().get('QueueUrls', []) if 'acme' in q]\n\
    groups = [g for g in logs.describe_log_groups()['logGroups'] if 'acme' in g['logGroupName']]\n\
    keys = [kms.describe_key(KeyId=k['KeyId'])['KeyMetadata'] for k in kms.list_keys()['Keys']]\n\
    keys = [k for k in keys if k['KeyState'] == 'Enabled' and k['KeyManager'] == 'CUSTOMER']\n\
    print(sorted(buckets), versions, len(queues), len(groups), len(keys))\n";

#[test]
fn what_a_stack_retained_is_deleted_in_a_second_step_by_an_operator_and_nothing_else_is() {
    let world = World::new();
    world.write("templates/tenant.yaml.tera", TENANT);
    world.run(&["bootstrap", "--yes"]).expect(0, &[]);
    let accepted: Vec<String> = world.blocking().iter().map(|code| format!("{code}=a test says so")).collect();
    world.with(&["deploy", "acme", "--yes"], &accepted).expect(0, &[]);
    let purge = ["destroy", "acme", "--purge", "--confirm", "acme"];
    world.run(&purge).expect(3, &["what it retains is deleted once it is gone", "without `--purge` first"]);
    // A recovery point outlives the stack, too, in a vault of a type that no tag leads to.
    let tags = world.python("print(tags('metanet-acme'))");
    let keep = format!("make('backup').create_backup_vault(BackupVaultName='kept', BackupVaultTags={tags})");
    world.python(&keep);

    // AWS continues a deletion beyond the timeout; the next run waits for it.
    let destroy = ["destroy", "acme", "--confirm", "acme"];
    let hold = |rules: Value| world.endpoint.control("/_tenantry/faults", &rules);
    hold(json!([{ "kind": "hold", "stack": "metanet-acme", "status": "DELETE_IN_PROGRESS" }]));
    world.run(&[&destroy[..], &["--deadline", "0"]].concat()).expect(4, &["still being deleted"]);
    hold(json!([]));
    world.run(&destroy).expect(0, &["the stack is gone"]);

    // Objects in versions, one of them deleted; and a bucket of another estate that bears the tenant's name.
    world.python(
        "s3 = make('s3')\n\
         own = [b['Name'] for b in s3.list_buckets()['Buckets'] if 'acme-data' in b['Name']][0]\n\
         s3.put_object_lock_configuration(Bucket=own, ObjectLockConfiguration={'ObjectLockEnabled': 'Enabled'})\n\
         for number in range(4): s3.put_object(Bucket=own, Key=f'in/{number % 2}', Body=b'x')\n\
         s3.delete_object(Bucket=own, Key='in/0')\n\
         s3.put_object_legal_hold(Bucket=own, Key='in/1', LegalHold={'Status': 'ON'})\n\
         s3.create_bucket(Bucket='others-data', CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})\n\
         s3.put_object(Bucket='others-data', Key='k', Body=b'x')\n\
         tags = {'tenantry:estate': 'metanet', 'tenantry:estate-id': 'another', 'tenantry:tenant': 'acme'}\n\
         tags = [{'Key': key, 'Value': value} for key, value in tags.items()]\n\
         s3.put_bucket_tagging(Bucket='others-data', Tagging={'TagSet': tags})\n",
    );
    let before = world.python(COUNT);
    assert!(before.ends_with("6 1 1 3") || before.ends_with("6 1 1 2"), "{before}");

    // Neither without the name, nor under a role of the control plane.
    world.run(&["destroy", "acme", "--purge", "--confirm", "acmee"]).expect(3, &["not confirmed"]);
    world.run(&[&purge[..], &["--role", "metanet-tenantry"]].concat()).expect(1, &["ListStacks", "AccessDenied"]);
    assert_eq!(world.python(COUNT), before);

    // A version under a legal hold keeps its bucket, and that keeps the key; the rest goes.
    let held = world.run(&purge);
    held.expect(1, &["S3 Object Lock", "is not bypassed", "which it may encrypt", "2 resources deleted"]);
    let left = world.python(COUNT);
    assert!(left.contains("acme-data") && left.contains("'others-data'] 2 0 0"), "{left}");
    world.python(
        "s3 = make('s3')\n\
         own = [b['Name'] for b in s3.list_buckets()['Buckets'] if 'acme-data' in b['Name']][0]\n\
         s3.put_object_legal_hold(Bucket=own, Key='in/1', LegalHold={'Status': 'OFF'})\n",
    );
    // What is left to the operator may be encrypted with the key, too.
    let unknown = "backup-vault:kept: its type is not known, so it is left to you";
    let held = "backup-vault:kept is left, which it may encrypt";
    world.run(&purge).expect(1, &["1 resource deleted, 0 keys scheduled for deletion, 2 left", unknown, held]);
    let after = world.python(COUNT);
    assert!(after.starts_with("['others-data'] 1 0 0"), "{after}");
    let keys = |count: &str| count.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
    assert_eq!(keys(&after), keys(&before));
    world.python("make('backup').delete_backup_vault(BackupVaultName='kept')");
    world.run(&purge).expect(0, &["0 resources deleted, 1 key scheduled for deletion, 0 left"]);
    assert_eq!(keys(&world.python(COUNT)) + 1, keys(&before));
    world.python(&keep);
    world.run(&purge).expect(2, &["0 resources deleted", unknown]);
    world.python("make('backup').delete_backup_vault(BackupVaultName='kept')");
    world.run(&purge).expect(0, &["0 resources deleted", "0 left"]);
    assert!(world.journal().contains("\"command\":\"purge\"") && world.journal().contains("delete AWS::S3::Bucket"));
}
